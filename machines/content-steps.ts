/**
 * What each event of an instance's content does to its data, as pure functions. The machine says when; this
 * says what. Times and random fractions come in with the events.
 */
import * as jobs from './content-jobs.js';
import type {
  BackupReference,
  ContentContext,
  Disposal,
  Failure,
  GitReport,
  PreStopReport,
  RecordedStep,
  SetupRequest,
  SetupResult,
  Survey,
} from './content-types.js';
import { failureOf, overdue, timeOf } from './effect-end.js';
import { pauseMs } from './limits.js';

type Change = Partial<ContentContext>;

export function accepted(request: SetupRequest, at: number): Change {
  return { request, at, since: at };
}

export function setUp(setup: SetupResult, at: number): Change {
  return { setup, at, failure: undefined };
}

/** Content counts as available from when that is asked to be recorded: the record and the actor say the same. */
export function becameAvailable({ at }: ContentContext) {
  return { since: at };
}

export function waiting(context: ContentContext, waitingFor: string, milliseconds: number): Change {
  return { waitingFor, deadline: context.at + milliseconds };
}

/** The step that a finished write of the record made durable. */
export function recordKept(context: ContentContext, event: object): Change {
  const step = 'output' in event ? stepIn(event.output) : undefined;
  return { at: timeOf(event, context.at), recorded: step ?? context.recorded };
}

export function failed(failure: Failure): Change {
  return { at: failure.at, failure };
}

/**
 * From here on nothing new begins; `since` tells when, and a wrap-up that was under way keeps its time. What kept
 * the content from ever being complete stays the reason, whatever fails from now on.
 */
export function wrapUpStarted(context: ContentContext): Change {
  const { recorded, setup, failure, rootFailure, at } = context;
  if (recorded === 'wrapping-up' || recorded === 'removing') return {};
  return setup === undefined ? { since: at, rootFailure: rootFailure ?? failure } : { since: at };
}

/** The backup timer did not end in time, or the wait for it broke. */
export function timerLeft(context: ContentContext, event: object): Change {
  const failure = 'error' in event ? failureOf(event, context.at) : overdue(event, context);
  return { ...failed(failure), isTimerOn: false };
}

/** The first Dispose decides; a later one can add the backup as long as nothing was removed, never drop it. */
export function disposalJoined(context: ContentContext, next: Disposal, at: number): Change {
  const before = context.disposal;
  if (before === undefined) return { disposal: next, at };
  return {
    disposal: {
      backup: before.backup || next.backup,
      backupLogs: before.backupLogs || next.backupLogs,
      acceptShrink: before.acceptShrink || next.acceptShrink,
      reason: before.reason,
    },
    at,
  };
}

/** Somebody says that the content is meant to be so much less. */
export function shrinkAccepted(context: ContentContext, at: number): Change {
  const { disposal } = context;
  return disposal === undefined ? { at } : { at, disposal: { ...disposal, acceptShrink: true } };
}

/** Only an explicit Dispose without backup gives up content that could not be saved. */
export function givenUp(next: Disposal, at: number): Change {
  return { disposal: next, at, failure: undefined, finalBackup: undefined, verified: false };
}

export function quiet(gitStatus: GitReport | undefined, at: number): Change {
  return { gitStatus, at };
}

/** The workspace's own program has ended, or its time is up. */
export function preStopDone(report: Omit<PreStopReport, 'at'>, at: number): Change {
  return { preStop: { ...report, at }, at };
}

/** How it went when it did not say so itself; how long it took is known from when its wait began. */
export function preStopBroken(
  context: ContentContext,
  failure: Failure,
  outcome: 'failed' | 'timed-out',
): Change {
  const durationMs = failure.at - (context.deadline - context.limits.preStopMs);
  return { ...failed(failure), ...preStopDone({ outcome, durationMs }, failure.at) };
}

export function logsUploaded(at: number): Change {
  return { logs: { outcome: 'uploaded', at }, at };
}

export function logsFailed(failure: Failure): Change {
  return { ...failed(failure), logs: { outcome: 'failed', at: failure.at } };
}

export function backedUp(reference: BackupReference, at: number): Change {
  return { finalBackup: reference, verified: false, at };
}

export function verifiedFinal(context: ContentContext, at: number): Change {
  return { verified: true, lastBackup: context.finalBackup ?? context.lastBackup, failure: undefined, at };
}

/** A final backup that did not hold is no backup: the next attempt makes a new one. */
export function attemptFailed(context: ContentContext, failure: Failure): Change {
  return { ...failed(failure), attempt: context.attempt + 1, finalBackup: undefined, verified: false };
}

/** Every pause is longer than the one before, up to the longest. */
export function pausing(context: ContentContext, waitingFor: string): Change {
  const pauses = context.pauses + 1;
  const milliseconds = pauseMs(context.limits, pauses, context.failure?.jitter ?? 0);
  return { waitingFor, deadline: context.at + milliseconds, pauses };
}

/** Content that a record calls complete, or still to be saved, and that is not there any more. */
export function isContentMissing(context: ContentContext, survey: Survey): boolean {
  const expected =
    context.recorded === 'available' || (context.recorded === 'wrapping-up' && !context.verified);
  return expected && context.setup !== undefined && survey.content === 'absent';
}

export function contentMissing(context: ContentContext, at: number): Change {
  const message = 'the content folder is gone; the last committed backup is what is left';
  const failure: Failure = { at, code: CONTENT_MISSING, message, retryable: false, jitter: 0 };
  const disposal: Disposal = { backup: false, backupLogs: false, acceptShrink: false, reason: message };
  return { at, failure, rootFailure: failure, disposal, ...jobs.abandoned(context, failure) };
}

/** There is nothing left that could be saved, whoever asks for it. */
export function isMissing({ rootFailure }: ContentContext): boolean {
  return rootFailure?.code === CONTENT_MISSING;
}

const CONTENT_MISSING = 'content-missing';

/** Content that was in use, and whose inside knows that it is complete: nothing is left to do. */
export function isInUse(context: ContentContext, survey: Survey): boolean {
  return context.recorded === 'available' && survey.isAnnounced;
}

/** A set-up that needs secrets cannot start over without them. */
export function areCredentialsLost(context: ContentContext, survey: Survey): boolean {
  return context.request?.hasSecrets === true && survey.credentials === 'lost';
}

export function credentialsLost(at: number): Change {
  const message = 'the credentials did not survive the restart of the machine';
  return { at, failure: { at, code: 'credentials-lost', message, retryable: true, jitter: 0 } };
}

const RECORDED_STEPS: readonly RecordedStep[] = [
  'setting-up',
  'available',
  'wrapping-up',
  'removing',
  'gone',
];

function stepIn(output: unknown): RecordedStep | undefined {
  if (typeof output !== 'object' || output === null || !('step' in output)) return undefined;
  return RECORDED_STEPS.find((step) => step === output.step);
}
