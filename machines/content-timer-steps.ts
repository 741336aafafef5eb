/** What the content tells its backup timer: how the backup ended that the timer asked for. */
import type { BackupTimerEvent } from './backup-timer.js';
import { isTimed } from './content-jobs.js';
import type { ContentContext, Failure } from './content-types.js';
import { failureOf, jitterOf, overdue, timeOf } from './effect-end.js';

type Told = BackupTimerEvent | undefined;

/** The job at the front has ended well. */
export function done(context: ContentContext, event: object): Told {
  const run = runOf(context);
  if (run === undefined) return undefined;
  return { type: 'BACKUP_DONE', at: timeOf(event, context.at), run, jitter: jitterOf(event) };
}

export function failed(context: ContentContext, event: object): Told {
  return failedRun(runOf(context), failureOf(event, context.at));
}

export function late(context: ContentContext, event: object): Told {
  return failedRun(runOf(context), overdue(event, context));
}

/** A backup that waited or was under way when the wrap-up began: the final backup takes its place. */
export function refused({ jobs, isTimerOn, at }: ContentContext): Told {
  const run = isTimerOn ? jobs.find(isTimed)?.run : undefined;
  return failedRun(run, refusal(at));
}

/** One that falls due at a time when nothing new begins. */
export function refusedRun(event: object): Told {
  if (!('run' in event && typeof event.run === 'number')) return undefined;
  return failedRun(event.run, refusal(timeOf(event, 0)));
}

/** The run that the job at the front is for, while somebody is there to be told. */
function runOf({ jobs: [job], isTimerOn }: ContentContext): number | undefined {
  return job !== undefined && isTimerOn && isTimed(job) ? job.run : undefined;
}

function failedRun(run: number | undefined, failure: Failure): Told {
  return run === undefined ? undefined : { type: 'BACKUP_FAILED', at: failure.at, run, failure };
}

function refusal(at: number): Failure {
  return { at, code: 'wrong-state', message: 'the content is being wrapped up', retryable: false, jitter: 0 };
}
