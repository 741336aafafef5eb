/**
 * What each event of an instance's content does to its data, as pure functions. The machine says when; this
 * says what. Times and random fractions come in with the events.
 */
import type {
  BackupReference,
  ContentContext,
  Disposal,
  Failure,
  GitReport,
  Job,
  JobResult,
  RecordedStep,
  SetupRequest,
  SetupResult,
  Survey,
} from './content-types.js';

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

/** The time an event brings, wherever its kind keeps it: done effects in their output, ours in `at`. */
export function timeOf(event: object): { readonly at?: number } {
  if ('at' in event && typeof event.at === 'number') return { at: event.at };
  if (!('output' in event)) return {};
  const { output } = event;
  if (typeof output !== 'object' || output === null || !('at' in output)) return {};
  return typeof output.at === 'number' ? { at: output.at } : {};
}

/** The step that a finished write of the record made durable. */
export function recordKept(event: object): Change {
  const step = 'output' in event ? stepIn(event.output) : undefined;
  return step === undefined ? timeOf(event) : { ...timeOf(event), recorded: step };
}

export function failed(failure: Failure): Change {
  return { at: failure.at, failure };
}

/**
 * An effect's rejection as a Failure. The programs reject with nothing else; anything else is a defect, which
 * must not look like a cause worth another try.
 */
export function failureOf(context: ContentContext, event: object): Failure {
  const thrown = 'error' in event ? event.error : undefined;
  if (isFailure(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { at: context.at, code: 'internal', message, retryable: false, jitter: 0 };
}

export function overdue(context: ContentContext, event: object): Failure {
  const message = `${context.waitingFor} took longer than allowed`;
  const at = timeOf(event).at ?? context.deadline;
  return { at, code: 'deadline-exceeded', message, retryable: true, jitter: 0 };
}

/** From here on nothing new begins; `since` tells when, and a wrap-up that was under way keeps its time. */
export function wrapUpStarted(context: ContentContext): Change {
  const isUnderWay = context.recorded === 'wrapping-up' || context.recorded === 'removing';
  return isUnderWay ? {} : { since: context.at };
}

export function currentJob(context: ContentContext): Job | undefined {
  return context.jobs[0];
}

export function jobSucceeded(context: ContentContext, reference: BackupReference, at: number): Change {
  const [job] = context.jobs;
  return job === undefined ? {} : jobDone(context, { job, at, reference });
}

export function jobFailed(context: ContentContext, failure: Failure): Change {
  const [job] = context.jobs;
  return job === undefined ? {} : jobDone(context, { job, at: failure.at, failure });
}

export function queued(context: ContentContext, job: Job, at: number): Change {
  return { jobs: [...context.jobs, job], ticket: Math.max(context.ticket, job.ticket), at };
}

/** The job at the front is over; every backup asked for before it began is served by it. */
export function jobDone(context: ContentContext, result: JobResult): Change {
  const results = [...context.results, result].slice(-context.limits.jobsMax);
  const lastBackup =
    result.job.kind === 'backup' && result.reference !== undefined ? result.reference : context.lastBackup;
  return { jobs: context.jobs.slice(1), results, lastBackup, at: result.at };
}

/** Jobs that can no longer run because the content is being wrapped up. */
export function jobsRefused(context: ContentContext): Change {
  const failure: Failure = {
    at: context.at,
    code: 'wrong-state',
    message: 'the content is being wrapped up',
    retryable: false,
    jitter: 0,
  };
  const refused = context.jobs.map((job) => ({ job, at: context.at, failure }));
  return { jobs: [], results: [...context.results, ...refused].slice(-context.limits.jobsMax) };
}

/** The first Dispose decides; a later one can add the backup as long as nothing was removed, never drop it. */
export function disposalJoined(context: ContentContext, next: Disposal, at: number): Change {
  const before = context.disposal;
  if (before === undefined) return { disposal: next, at };
  return {
    disposal: {
      backup: before.backup || next.backup,
      backupLogs: before.backupLogs || next.backupLogs,
      reason: before.reason,
    },
    at,
  };
}

/** Only an explicit Dispose without backup gives up content that could not be saved. */
export function givenUp(next: Disposal, at: number): Change {
  return { disposal: next, at, failure: undefined, finalBackup: undefined, verified: false };
}

export function quiet(gitStatus: GitReport | undefined, at: number): Change {
  return { gitStatus, at };
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

/** The pause after the n-th failure doubles from the least to the most, and half of it is random. */
export function pausing(context: ContentContext, waitingFor: string): Change {
  const full = Math.min(context.limits.pauseMinMs * 2 ** context.pauses, context.limits.pauseMaxMs);
  const jitter = context.failure?.jitter ?? 0;
  const deadline = context.at + Math.round(full / 2 + (full / 2) * jitter);
  return { waitingFor, deadline, pauses: context.pauses + 1 };
}

/** Content that a record calls complete, or still to be saved, and that is not there any more. */
export function isContentMissing(context: ContentContext, survey: Survey): boolean {
  const expected =
    context.recorded === 'available' || (context.recorded === 'wrapping-up' && !context.verified);
  return expected && context.setup !== undefined && survey.content === 'absent';
}

export function contentMissing(at: number): Change {
  const message = 'the content folder is gone; the last committed backup is what is left';
  const failure: Failure = { at, code: 'content-missing', message, retryable: false, jitter: 0 };
  const disposal: Disposal = { backup: false, backupLogs: false, reason: message };
  return { at, failure, disposal };
}

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

function isFailure(thrown: unknown): thrown is Failure {
  if (typeof thrown !== 'object' || thrown === null) return false;
  return (
    'at' in thrown &&
    typeof thrown.at === 'number' &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    'message' in thrown &&
    typeof thrown.message === 'string' &&
    'retryable' in thrown &&
    typeof thrown.retryable === 'boolean' &&
    'jitter' in thrown &&
    typeof thrown.jitter === 'number'
  );
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
