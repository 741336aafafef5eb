import { type Command, Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { type ExecExit, RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { createClient } from '../grpc/client.js';
import { idArgument, type Variable, variableArgument } from './arguments.js';
import { TERMINAL_COLUMNS, TERMINAL_ROWS } from './bounds.js';
import { ExecOutput } from './exec-output.js';
import { ExecRequests } from './exec-requests.js';
import { EXIT } from './exit-code.js';
import { givenValue } from './given-value.js';
import { reportError } from './report-error.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface ExecOptions {
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly env?: readonly Variable[];
  readonly cwd?: string;
}

export function addExec(program: Command, run: RunVerb): void {
  program
    .command('exec')
    .description('run a command inside an instance that runs; its exit code becomes that of this one')
    .argument('<instance>', 'instance id', idArgument)
    .argument('[command...]', 'the command, after -- (default: a shell)')
    .option('-i, --stdin', 'pass on what comes on stdin')
    .option('-t, --tty', 'give it a terminal')
    .addOption(
      new Option('-e, --env <name=value>', 'variable for the command; NAME alone passes yours on').argParser(
        variableArgument,
      ),
    )
    .option('--cwd <folder>', 'where it starts; /workspace is the content (default: the workspace location)')
    .addHelpText('after', example('steward exec -it 0b5c…', 'steward exec 0b5c… -- git status --short'))
    .action((id: string, words: string[], options: ExecOptions, command: Command) =>
      run(command, (session) => exec(session, id, words, options)),
    );
}

/** The login shell people know, where there is one. */
const SHELL = ['/bin/sh', '-c', 'if command -v bash >/dev/null; then exec bash -l; else exec sh; fi'];

async function exec(session: Session, id: string, words: readonly string[], options: ExecOptions) {
  const { cli } = session;
  const start = {
    instanceId: id,
    command: words.length === 0 ? SHELL : [...words],
    environment: environmentOf(session, options),
    workingDirectory: options.cwd ?? '',
    terminal: options.tty === true ? sizeOf(session) : undefined,
  };
  const requests = new ExecRequests({ $case: 'start', value: start });
  const isRaw = options.stdin === true && options.tty === true && cli.stdin.isTerminal;
  const release =
    options.tty === true ? cli.stdout.onResize(() => requests.resize(sizeOf(session))) : () => {};
  try {
    return await converse(session, requests, options.stdin === true, isRaw);
  } catch (thrown) {
    const code = reportError(cli, 'exec', session.explain(thrown), session.show.json);
    // Any other code would look like one of the command.
    return code === EXIT.interrupted ? code : EXIT.exec;
  } finally {
    release();
    if (isRaw) cli.stdin.setRaw(false);
    if (options.stdin === true) cli.stdin.close();
    requests.end();
  }
}

/** Talks to the command until it has ended; answers its exit code, as shells tell it. */
async function converse(
  session: Session,
  requests: ExecRequests,
  wantsInput: boolean,
  isRaw: boolean,
): Promise<number> {
  const client = createClient(RuntimeServiceService, await session.channel('manager'));
  const { cli, options } = session;
  const { timeoutMs } = options;
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  const answers = client.exec(requests, { signal: cli.interrupted, ...limit });
  const output = new ExecOutput(session);
  let release = () => {};
  try {
    for await (const { event } of answers) {
      switch (event?.$case) {
        case 'started':
          // From here on they are meant for the command, all of them, as with a command run here.
          release = cli.takeSignals((signal) => requests.signal(signal));
          if (isRaw) cli.stdin.setRaw(true);
          void passInput(session, requests, wantsInput);
          break;
        case 'stdinTaken':
          requests.taken(Number(event.value));
          break;
        case 'stdout':
        case 'stderr':
          output.write(event.$case, event.value);
          break;
        case 'exit': {
          const code = codeOf(event.value);
          output.end(code);
          return code;
        }
        case undefined:
          break;
      }
    }
  } finally {
    release();
  }
  throw new StewardError('unavailable', 'the connection ended before the command did');
}

/** No faster than the command takes it. */
async function passInput({ cli }: Session, requests: ExecRequests, wantsInput: boolean): Promise<void> {
  try {
    if (wantsInput) {
      for await (const chunk of cli.stdin.read()) if (!(await requests.input(chunk))) return;
    }
  } catch {
    // A terminal that goes away ends the input.
  }
  await requests.endInput();
}

function environmentOf({ cli }: Session, { env = [] }: ExecOptions): Record<string, string> {
  return Object.fromEntries(env.map((variable) => [variable.name, givenValue(variable, cli.env)]));
}

function sizeOf({ cli }: Session) {
  // A terminal that was told no size says 0.
  return { columns: cli.stdout.columns || TERMINAL_COLUMNS, rows: cli.stdout.rows || TERMINAL_ROWS };
}

/** Of shells, for a command that a signal ended. */
const SIGNAL_BASE = 128;

function codeOf({ end }: ExecExit): number {
  if (end === undefined) return EXIT.exec;
  return end.$case === 'code' ? end.value : SIGNAL_BASE + end.value;
}
