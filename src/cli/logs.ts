import { type Command, Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { createClient } from '../grpc/client.js';
import { countArgument, idArgument } from './arguments.js';
import { RESUME_PAUSE_MS, RESUMES_MAX } from './bounds.js';
import { Lines } from './exec-output.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: number;
}

export function addLogs(program: Command, run: RunVerb): void {
  program
    .command('logs')
    .description("print the output of an instance's command")
    .argument('<instance>', 'instance id', idArgument)
    .option('-f, --follow', 'go on with what is written from now on, until the instance has ended')
    .addOption(new Option('--tail <lines>', 'begin with the last so many lines').argParser(countArgument))
    .addHelpText('after', example('steward logs 0b5c… -f --tail 20'))
    .action((id: string, options: LogsOptions, command: Command) =>
      run(command, (session) => logs(session, id, options)),
    );
}

/**
 * The output as it is; with --json one object per line of it, because pieces may end inside a character. One who
 * follows is not bothered with a manager that is away for a while: the output goes on at the byte where it broke off.
 */
async function logs(session: Session, id: string, options: LogsOptions) {
  const client = createClient(RuntimeServiceService, await session.channel('manager'));
  const follow = options.follow === true;
  const lines = new Lines((text) => session.show.result({ instance: id, text }, []));
  let offset: bigint | undefined;
  const read = async () => {
    const tailLines = offset === undefined ? options.tail : undefined;
    const request = { instanceId: id, follow, tailLines, offset };
    for await (const piece of client.logs(request, callOf(session))) {
      if ((piece.skippedBytes ?? 0n) > 0n)
        session.show.note(`(${piece.skippedBytes} bytes are no longer kept)`);
      if (piece.offset !== undefined) offset = piece.offset + BigInt(piece.data.length);
      if (session.show.json) lines.add(piece.data);
      else session.show.raw(piece.data);
    }
  };
  for (let tries = 0; ; tries += 1) {
    const before = offset;
    try {
      await read();
      break;
    } catch (thrown) {
      if (offset !== before) tries = 0;
      if (!follow || offset === undefined || tries >= RESUMES_MAX || !isAway(thrown)) throw thrown;
      if (tries === 0) session.show.note('(the manager is away; the output goes on when it is back)');
      await sleep(session.cli.world.clock, RESUME_PAUSE_MS, session.cli.interrupted);
    }
  }
  lines.end();
  return undefined;
}

function callOf({ cli, options: { timeoutMs } }: Session) {
  return { signal: cli.interrupted, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

function isAway(thrown: unknown): boolean {
  return thrown instanceof StewardError && thrown.code === 'unavailable';
}
