import type { ContentContext, Failure, GitReport } from '../../../machines/content-types.js';
import { isErrorCode, StewardError } from '../../errors/steward-error.js';
import { type Finished, finishedFrom } from '../instance/finished.js';
import type { ContentView } from '../instance/view.js';

/**
 * What callers are told, from what an instance's content shows: a value, a thrown StewardError, or undefined
 * while there is nothing to tell yet. The table in docs/answers.md is this file in words.
 */

/** For Init and WaitForInit: content is there, or is not going to be. */
export function setUpAnswer(view: ContentView): 'ready' | undefined {
  const { step, context } = view;
  if (view.state === 'AVAILABLE' && step.startsWith('available')) return 'ready';
  if (step === 'refused') throw asError(context.failure, 'record-not-written');
  if (step === 'failed')
    throw new StewardError('unavailable', failureText(context, 'the set-up was interrupted'));
  if (!step.startsWith('wrappingUp') && step !== 'gone') return undefined;
  if (step === 'wrappingUp.recordingWrapUp') return undefined;
  if (context.setup !== undefined) throw wrongState(view, 'the content is being wrapped up');
  const { failure } = finishedFrom(context);
  if (failure !== undefined) throw asError(failure, 'content-initialization-failed');
  throw new StewardError('wrong-state', 'the workspace was disposed before its content was ready');
}

export function setUpAnswerOf(finished: Finished): never {
  if (!finished.wasAvailable && finished.failure !== undefined) {
    throw asError(finished.failure, 'content-initialization-failed');
  }
  throw new StewardError('wrong-state', 'the instance has ended and its content was removed');
}

export interface DisposeAnswer {
  readonly gitStatus: GitReport | undefined;
}

/**
 * For Dispose: everything is removed, or this attempt has ended without success. `pausesBefore` tells an attempt
 * that ended before the call from the one that the call waits for. A caller that wants a `backup` is never told
 * that all is well when complete content goes without one.
 */
export function disposeAnswer(
  view: ContentView,
  pausesBefore: number,
  backup: boolean,
): DisposeAnswer | undefined {
  const { step, context } = view;
  if (step === 'gone') return disposeAnswerOf(finishedFrom(context), backup);
  if (backup && REMOVING_STEPS.has(step)) refuseWithoutBackup(finishedFrom(context), 'is being removed');
  if (step === 'failed')
    throw new StewardError('unavailable', failureText(context, 'the wrap-up was interrupted'));
  if (step === 'refused') return { gitStatus: undefined };
  const waits =
    step === 'wrappingUp.stranded' || step === 'wrappingUp.retrying' || step === 'wrappingUp.retryingRemoval';
  if (!waits || context.pauses <= pausesBefore) return undefined;
  if (step === 'wrappingUp.stranded') {
    throw new StewardError(
      'backup-failed',
      `the final backup failed, the content is kept: ${failureText(context, 'unknown reason')}`,
    );
  }
  throw asError(context.failure, 'unavailable');
}

export function disposeAnswerOf(finished: Finished, backup: boolean): DisposeAnswer {
  if (finished.failure?.code === 'content-missing') throw asError(finished.failure, 'backup-failed');
  if (backup) refuseWithoutBackup(finished, 'was removed');
  return { gitStatus: finished.gitStatus };
}

/** Where removal is on disk: nothing that is asked for now can save the content. */
const REMOVING_STEPS: ReadonlySet<string> = new Set([
  'wrappingUp.removing',
  'wrappingUp.recordingGone',
  'wrappingUp.retryingRemoval',
]);

/** Throws `wrong-state` when complete content was given up; of content that went missing the end will tell. */
function refuseWithoutBackup(finished: Finished, happens: 'was removed' | 'is being removed'): void {
  const { wasAvailable, finalBackup, failure, disposal, identity } = finished;
  if (!wasAvailable || finalBackup !== undefined || failure?.code === 'content-missing') return;
  throw new StewardError(
    'wrong-state',
    `the content of instance ${identity.instance} ${happens} without a backup, ` +
      `because of "${disposal?.reason ?? 'no reason'}"`,
  );
}

/**
 * For BackupWorkspace and TakeSnapshot on content in use: the job with this ticket has ended, and its record says so,
 * or cannot be written.
 */
export function jobAnswer(view: ContentView, ticket: number): string | undefined {
  if (RECORDING_RESULTS.has(view.step)) return undefined;
  const result = view.context.results.find((candidate) => candidate.job.ticket === ticket);
  if (result?.reference !== undefined) return result.reference.url;
  if (result !== undefined)
    throw asError(result.failure, result.job.kind === 'backup' ? 'backup-failed' : 'internal');
  // A snapshot that was promised is made during the wrap-up, too.
  if (view.context.jobs.some((job) => job.ticket === ticket && job.kind === 'snapshot')) return undefined;
  if (view.state !== 'AVAILABLE') throw wrongState(view, 'the content is being wrapped up');
  return undefined;
}

/**
 * Where the ends of jobs are in memory only: a daemon that came back now would do them again, of content that whoever
 * had heard of the first one has changed since.
 */
const RECORDING_RESULTS: ReadonlySet<string> = new Set([
  'available.recordingResult',
  'wrappingUp.recordingWrapUp',
  'wrappingUp.recordingSnapshot',
]);

/** For BackupWorkspace on content that is being wrapped up: the final backup is verified, and recorded as such. */
export function finalBackupAnswer(view: ContentView, pausesBefore: number): string | undefined {
  const { verified, finalBackup, recorded } = view.context;
  // The removal is recorded together with it.
  if (verified && finalBackup !== undefined) {
    if (recorded === 'removing' || recorded === 'gone') return finalBackup.url;
    if (view.step === 'wrappingUp.recordingRemoval') return undefined;
  }
  disposeAnswer(view, pausesBefore, false);
  if (view.step === 'gone' || view.context.disposal?.backup === false) {
    throw wrongState(view, 'the content is being removed without a backup');
  }
  return undefined;
}

export function wrongState(view: ContentView, text: string): StewardError {
  return new StewardError('wrong-state', `${text} (state ${view.state}, step ${view.step})`);
}

export function asError(
  failure: Failure | undefined,
  fallback:
    | 'internal'
    | 'unavailable'
    | 'backup-failed'
    | 'record-not-written'
    | 'content-initialization-failed',
): StewardError {
  if (failure === undefined) return new StewardError(fallback, 'no reason was recorded');
  if (failure.code === 'content-missing') return new StewardError('backup-failed', failure.message);
  return new StewardError(
    isErrorCode(failure.code) && failure.code !== 'internal' ? failure.code : fallback,
    failure.message,
  );
}

function failureText(context: ContentContext, otherwise: string): string {
  return context.failure?.message ?? otherwise;
}
