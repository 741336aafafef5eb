/** What each event of an instance's life does to its data, as pure functions. The machine says when. */
import type { GitReport, StepMetric } from './content-types.js';
import type { LifeContext, LifeFailure, LifeRecord } from './instance-life-types.js';
import { type CommandEnd, commandFailure, type StopRequest, wantsBackup } from './workspace-phase.js';

type Change = Partial<LifeContext>;

/** Enough to reach any bound of a pause, and far from overflowing. */
const DOUBLINGS_MAX = 30;

export function toRecord(context: LifeContext): LifeRecord {
  const {
    limits: _limits,
    recorded: _recorded,
    deadline: _deadline,
    waitingFor: _waitingFor,
    pauses: _pauses,
    retryAt: _retryAt,
    ...kept
  } = context;
  return kept;
}

/** The data of an actor that comes back: one generation later, so that results of the former life are refused. */
export function fromRecord(record: LifeRecord, limits: LifeContext['limits'], at: number): LifeContext {
  return {
    ...record,
    limits,
    recorded: true,
    at,
    deadline: at,
    waitingFor: '',
    pauses: 0,
    retryAt: at,
    generation: record.generation + 1,
  };
}

export function waiting(context: LifeContext, waitingFor: string, milliseconds: number): Change {
  return { waitingFor, deadline: context.at + milliseconds };
}

/** The time a finished effect brings. */
export function timeOf(event: object): { readonly at?: number } {
  const output = 'output' in event ? event.output : undefined;
  if (typeof output !== 'object' || output === null || !('at' in output)) return {};
  return typeof output.at === 'number' ? { at: output.at } : {};
}

/** The shortest grace counts, and an abort is never taken back. */
export function stopRequested(context: LifeContext, request: StopRequest, at: number): Change {
  const stop: StopRequest = {
    graceMs: Math.min(context.stop?.graceMs ?? request.graceMs, request.graceMs),
    aborted: request.aborted || context.stop?.aborted === true,
  };
  const killAt = Math.min(context.killAt ?? at + request.graceMs, at + request.graceMs);
  return { stop, killAt, at };
}

/** The first limit that was over is the one told; what was asked for before is never made milder. */
export function timedOut(context: LifeContext, reason: string, graceMs: number, at: number): Change {
  const killAt = Math.min(context.killAt ?? at + graceMs, at + graceMs);
  return { timedOut: context.timedOut === '' ? reason : context.timedOut, killAt, at };
}

/** Whether a stop request asks for more than what ends it already: the first one always does, for it is told. */
export function isStricter(context: LifeContext, request: StopRequest, at: number): boolean {
  if (context.stop === undefined) return true;
  if (request.aborted && !context.stop.aborted) return true;
  return context.killAt === undefined || at + request.graceMs < context.killAt;
}

export function contentReady(metrics: readonly StepMetric[], at: number): Change {
  return { content: 'ready', setUp: metrics, message: '', at };
}

export function contentFailed(context: LifeContext, failure: LifeFailure): Change {
  return {
    content: 'failed',
    failure: first(context, `content initialization failed: ${failure.message}`),
    at: failure.at,
  };
}

export function failed(context: LifeContext, what: string, failure: LifeFailure): Change {
  return { failure: first(context, `${what}: ${failure.message}`), at: failure.at };
}

export function contentLost(context: LifeContext, at: number): Change {
  return { failure: first(context, 'the content is gone from its node'), at };
}

export function credentialsLost(context: LifeContext, at: number): Change {
  return { failure: first(context, 'credentials-lost: the secrets of the start did not survive'), at };
}

export function commandEnded(context: LifeContext, end: CommandEnd | undefined, at: number): Change {
  if (end === undefined || context.command.state === 'ended') return { at };
  return { command: { state: 'ended', end }, failure: first(context, commandFailure(context, end)), at };
}

/** Others start from what a prebuild made; what failed, or is not saved, nobody is to start from. */
export function isWorthSnapshot(context: LifeContext): boolean {
  return (
    context.kind === 'prebuild' && context.snapshot === '' && context.failure === '' && wantsBackup(context)
  );
}

/** The content is saved all the same. */
export function snapshotMissed(failure: LifeFailure): Change {
  return { message: `no snapshot was made: ${failure.message}`, at: failure.at };
}

export function disposed(
  context: LifeContext,
  outcome: 'backed-up' | 'discarded' | 'lost',
  gitStatus: GitReport | undefined,
  at: number,
): Change {
  const lost = outcome === 'lost' ? 'backup failed: the content was gone before it was saved' : '';
  return { disposal: outcome, gitStatus, failure: first(context, lost), message: '', pauses: 0, at };
}

/**
 * Something is in the way of the end; it will be tried again. Pauses double with every failure up to their
 * bound, and are shortened by up to half at random.
 */
export function troubled(context: LifeContext, what: string, failure: LifeFailure): Change {
  const { pauseMinMs, pauseMaxMs } = context.limits;
  const fullMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(context.pauses, DOUBLINGS_MAX));
  return {
    message: `${what}: ${failure.message}`,
    pauses: context.pauses + 1,
    retryAt: failure.at + Math.round(fullMs * (1 - failure.jitter / 2)),
    at: failure.at,
  };
}

export function whatIsKept(context: LifeContext): string {
  return wantsBackup(context)
    ? 'the final backup failed; the content is kept on its node and saving it goes on'
    : 'the content is not removed yet';
}

/** An effect's rejection. The programs reject with nothing else; anything else is a defect and told as it is. */
export function failureOf(context: LifeContext, event: object): LifeFailure {
  const thrown = 'error' in event ? event.error : undefined;
  if (isFailure(thrown)) return thrown;
  return { at: context.at, message: thrown instanceof Error ? thrown.message : String(thrown), jitter: 0 };
}

export function overdue(context: LifeContext, event: object): LifeFailure {
  const at = timeOf(event).at ?? context.deadline;
  return { at, message: `${context.waitingFor} took longer than allowed`, jitter: 0 };
}

function first(context: LifeContext, reason: string): string {
  return context.failure === '' ? reason : context.failure;
}

function isFailure(thrown: unknown): thrown is LifeFailure {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    'at' in thrown &&
    typeof thrown.at === 'number' &&
    'message' in thrown &&
    typeof thrown.message === 'string' &&
    'jitter' in thrown &&
    typeof thrown.jitter === 'number'
  );
}
