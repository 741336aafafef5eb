import { type Command, Option } from 'commander';
import { RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { createClient } from '../grpc/client.js';
import { countArgument, idArgument } from './arguments.js';
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

/** The output as it is; with --json one object per line of it, because pieces may end inside a character. */
async function logs(session: Session, id: string, options: LogsOptions) {
  const client = createClient(RuntimeServiceService, await session.channel('manager'));
  const request = { instanceId: id, follow: options.follow === true, tailLines: options.tail };
  const { timeoutMs } = session.options;
  const call = { signal: session.cli.interrupted, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const lines = new Lines((text) => session.show.result({ instance: id, text }, []));
  for await (const { data } of client.logs(request, call)) {
    if (session.show.json) lines.add(data);
    else session.show.raw(data);
  }
  lines.end();
  return undefined;
}
