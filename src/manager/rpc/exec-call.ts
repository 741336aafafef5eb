import { StewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { ExecExit, ExecRequest, ExecResponse, ExecStart } from '../../gen/steward/v1/runtime.js';
import type { CallContext } from '../../grpc/service-types.js';
import { requiredMessage, requiredText } from '../../grpc/validation.js';
import type { ExecEnd, RunningExec } from '../../runtime/exec.js';
import type { WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import { EXEC_ACTIVITY_MS, EXEC_START_MS } from '../bounds.js';
import type { Instance } from '../instance/instance.js';
import type { Instances } from '../instances.js';
import { answersOf, Bell } from './exec-answers.js';
import { checkedExec, checkedSize, signalOf } from './exec-checks.js';
import { WaitingInput } from './exec-input.js';
import type { OpenStreams } from './open-streams.js';

export interface ExecParts {
  readonly clock: Clock;
  readonly instances: Instances;
  readonly runtime: Pick<WorkspaceRuntime, 'exec'>;
  readonly open: OpenStreams;
}

/** One call of Exec, counted from its beginning: who says nothing takes a place, too. */
export async function* runExec(
  parts: ExecParts,
  requests: AsyncIterable<ExecRequest>,
  call: CallContext,
): AsyncGenerator<ExecResponse> {
  const leave = parts.open.enter('');
  try {
    const incoming = requests[Symbol.asyncIterator]();
    yield* runStarted(parts, await startFrom(incoming, parts.clock), incoming, call);
  } finally {
    leave();
  }
}

/** A command from its start to its end, or to that of the call. */
async function* runStarted(
  { clock, instances, runtime }: ExecParts,
  start: ExecStart,
  incoming: AsyncIterator<ExecRequest>,
  call: CallContext,
): AsyncGenerator<ExecResponse> {
  const instance = instances.get(requiredText(start.instanceId, 'start.instance_id'));
  const running = await runtime.exec(instance.parts.identity.instance, checkedExec(start));
  const kill = () => void running.kill();
  call.signal.addEventListener('abort', kill, { once: true });
  let failure: unknown;
  const bell = new Bell();
  const input = new WaitingInput(running, () => bell.ring());
  const active = activityOf(clock, instance, call);
  // Ends with the call, which nobody has to wait for.
  feed(incoming, running, input, active).catch((error) => {
    failure = error;
    kill();
  });
  let isOver = false;
  try {
    call.signal.throwIfAborted();
    yield { event: { $case: 'started', value: { pid: BigInt(running.pid) } } };
    yield* answersOf(running, input, bell);
    const end = await running.end;
    isOver = true;
    if (failure !== undefined) throw failure;
    yield { event: { $case: 'exit', value: exitOf(end) } };
  } finally {
    call.signal.removeEventListener('abort', kill);
    if (!isOver) await running.kill();
  }
}

/** The first message. A caller that does not send it would hold its stream for ever. */
async function startFrom(incoming: AsyncIterator<ExecRequest>, clock: Clock): Promise<ExecStart> {
  const inTime = new AbortController();
  const late = sleep(clock, EXEC_START_MS, inTime.signal).then(() => {
    throw new StewardError(
      'deadline-exceeded',
      'the message that says what is to be run did not come in time',
    );
  });
  try {
    const first = await Promise.race([incoming.next(), late]);
    const event = first.done === true ? undefined : first.value.event;
    if (event?.$case === 'start') return event.value;
    throw invalid('start must be the first message');
  } finally {
    late.catch(() => undefined);
    inTime.abort();
  }
}

/** Hands on what the caller sends, signals and sizes before input that the command does not read. */
async function feed(
  incoming: AsyncIterator<ExecRequest>,
  running: RunningExec,
  input: WaitingInput,
  active: () => void,
): Promise<void> {
  // Somebody who types is there.
  active();
  for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
    const event = requiredMessage(next.value.event, 'event');
    switch (event.$case) {
      case 'stdin':
        active();
        await input.add(event.value);
        break;
      case 'stdinEnd':
        input.end();
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
  input.end();
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

function exitOf(end: ExecEnd): ExecExit {
  return end.kind === 'code'
    ? { end: { $case: 'code', value: end.code } }
    : { end: { $case: 'signal', value: end.signal } };
}

function invalid(message: string): StewardError {
  return new StewardError('invalid-argument', message);
}
