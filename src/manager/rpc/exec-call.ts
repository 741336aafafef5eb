import { constants } from 'node:os';
import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { KillSignal } from '../../gateways/processes.js';
import type {
  ExecExit,
  ExecRequest,
  ExecResponse,
  ExecStart,
  TerminalSize,
} from '../../gen/steward/v1/runtime.js';
import type { CallContext } from '../../grpc/service-types.js';
import { optionalText, requiredMessage, requiredText } from '../../grpc/validation.js';
import { TERMINAL_SIZE_MAX } from '../../runtime/bounds.js';
import type { ExecEnd, RunningExec, ExecRequest as RuntimeExec } from '../../runtime/exec.js';
import type { WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import { COMMAND_WORDS_MAX, ENVIRONMENT_MAX, EXEC_ACTIVITY_MS } from '../bounds.js';
import type { Instance } from '../instance/instance.js';
import type { Instances } from '../instances.js';

export interface ExecParts {
  readonly clock: Clock;
  readonly instances: Instances;
  readonly runtime: WorkspaceRuntime;
}

/** One call of Exec: a command from its start to its end, or to that of the call. */
export async function* runExec(
  { clock, instances, runtime }: ExecParts,
  requests: AsyncIterable<ExecRequest>,
  call: CallContext,
): AsyncGenerator<ExecResponse> {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  const start = startOf(first.done === true ? undefined : first.value);
  const instance = instances.get(requiredText(start.instanceId, 'start.instance_id'));
  const running = await runtime.exec(instance.parts.identity.instance, checkedExec(start));
  const kill = () => void running.kill();
  call.signal.addEventListener('abort', kill, { once: true });
  let failure: unknown;
  const active = activityOf(clock, instance, call);
  // Ends with the call, which nobody has to wait for.
  feed(incoming, running, active).catch((error) => {
    failure = error;
    kill();
  });
  let isOver = false;
  try {
    call.signal.throwIfAborted();
    yield { event: { $case: 'started', value: { pid: BigInt(running.pid) } } };
    for await (const { stream, data } of running.output) {
      yield { event: { $case: stream, value: Buffer.from(data) } };
    }
    const end = await running.end;
    isOver = true;
    if (failure !== undefined) throw failure;
    yield { event: { $case: 'exit', value: exitOf(end) } };
  } finally {
    call.signal.removeEventListener('abort', kill);
    if (!isOver) await running.kill();
  }
}

/** Hands on what the caller sends; somebody who types is there. */
async function feed(
  incoming: AsyncIterator<ExecRequest>,
  running: RunningExec,
  active: () => void,
): Promise<void> {
  active();
  for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
    const event = requiredMessage(next.value.event, 'event');
    switch (event.$case) {
      case 'stdin':
        active();
        await running.write(event.value);
        break;
      case 'stdinEnd':
        running.endInput();
        break;
      case 'resize':
        await running.resize(checkedSize(event.value, 'resize'));
        break;
      case 'signal':
        await running.signal(signalOf(event.value));
        break;
      case 'start':
        throw invalid('start may only be the first message');
    }
  }
  running.endInput();
}

/** Notes that somebody is there, at most once in a while. */
function activityOf(clock: Clock, instance: Instance, { logger }: CallContext): () => void {
  let notedAt: number | undefined;
  return () => {
    const now = clock.monotonic();
    if (notedAt !== undefined && now - notedAt < EXEC_ACTIVITY_MS) return;
    notedAt = now;
    instance
      .markActive(false, false)
      .catch((error) =>
        logger.warn({ err: error, ...instance.parts.identity }, 'activity could not be noted'),
      );
  };
}

function startOf(request: ExecRequest | undefined): ExecStart {
  if (request?.event?.$case === 'start') return request.event.value;
  throw invalid('start must be the first message');
}

function checkedExec(start: ExecStart): RuntimeExec {
  const { command, environment, workingDirectory, terminal } = start;
  if (command.length > COMMAND_WORDS_MAX) {
    throw invalid(`start.command has more than ${COMMAND_WORDS_MAX} words`);
  }
  if (command[0] === undefined || command[0] === '') throw invalid('start.command must name a program');
  if (command.some((word) => word.includes('\0'))) throw invalid('start.command contains NUL');
  return {
    command,
    env: checkedEnvironment(environment),
    workingFolder: optionalText(workingDirectory, 'start.working_directory'),
    terminal: terminal === undefined ? undefined : checkedSize(terminal, 'start.terminal'),
  };
}

/** Variables are told by name only: their values may be secret. */
function checkedEnvironment(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const variables = Object.entries(environment);
  if (variables.length > ENVIRONMENT_MAX) {
    throw invalid(`start.environment has more than ${ENVIRONMENT_MAX} variables`);
  }
  for (const [name, value] of variables) {
    if (!/^[^=\0]+$/.test(name)) {
      throw invalid('start.environment has a name that is empty or contains "=" or NUL');
    }
    if (value.includes('\0')) throw invalid('start.environment has a value that contains NUL');
  }
  return environment;
}

function checkedSize({ rows, columns }: TerminalSize, field: string): TerminalSize {
  for (const [name, size] of Object.entries({ rows, columns })) {
    if (size < 1 || size > TERMINAL_SIZE_MAX) {
      throw invalid(`${field}.${name} is not between 1 and ${TERMINAL_SIZE_MAX}`);
    }
  }
  return { rows, columns };
}

function signalOf(number: number): KillSignal {
  const name = nameOf(constants.signals, number);
  if (name !== undefined) return name;
  throw invalid('signal is not the number of a signal, 1 to 31');
}

function nameOf<Table extends object>(
  table: Table,
  value: unknown,
): Extract<keyof Table, string> | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}

function exitOf(end: ExecEnd): ExecExit {
  return end.kind === 'code'
    ? { end: { $case: 'code', value: end.code } }
    : { end: { $case: 'signal', value: end.signal } };
}

function invalid(message: string): StewardError {
  return new StewardError('invalid-argument', message);
}
