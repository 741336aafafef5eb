/**
 * Backups and snapshots of one instance: what waits, what runs, how it ended. Every snapshot has a record from
 * when it was promised, which says in the end that it is there, or why it never will be.
 */
import type {
  BackupReference,
  ContentContext,
  Failure,
  Job,
  JobResult,
  RequestedBackup,
  SnapshotRecord,
} from './content-types.js';

type Change = Partial<ContentContext>;

export function requested(
  context: ContentContext,
  job: Omit<RequestedBackup, 'kind' | 'origin'>,
  at: number,
) {
  return queued(context, { kind: 'backup', origin: 'request', ...job }, at);
}

/** A promise: the record of the snapshot and the work for it come together. */
export function promised(context: ContentContext, name: string, ticket: number, at: number): Change {
  const record: SnapshotRecord = { state: 'pending', name, requestedAt: at };
  return {
    ...queued(context, { kind: 'snapshot', name, ticket }, at),
    snapshots: kept([...context.snapshots, record], context.limits.snapshotsMax),
  };
}

/**
 * The timer says that a backup is due. One that it asked for earlier and that still waits or runs serves the new
 * run: there never are two.
 */
export function due(context: ContentContext, run: number, at: number): Change {
  const isUnderWay = context.jobs.some(isTimed);
  if (isUnderWay) return { at, jobs: context.jobs.map((job) => (isTimed(job) ? { ...job, run } : job)) };
  return queued(context, { kind: 'backup', origin: 'timer', ticket: context.ticket + 1, run }, at);
}

export function began(context: ContentContext): Change {
  return { jobBeganAt: context.at };
}

export function current({ jobs }: ContentContext): Job | undefined {
  return jobs[0];
}

export function succeeded(context: ContentContext, reference: BackupReference, at: number): Change {
  const [job] = context.jobs;
  if (job === undefined) return {};
  const saved = job.kind === 'backup' ? { lastBackup: reference, savedAt: context.jobBeganAt } : {};
  return { ...over(context, { job, at, reference }), ...saved };
}

export function failed(context: ContentContext, failure: Failure): Change {
  const [job] = context.jobs;
  return job === undefined ? {} : over(context, { job, at: failure.at, failure });
}

/** Backups of content in use that can no longer run: the final one takes their place. Promises are kept. */
export function backupsRefused(context: ContentContext): Change {
  const { at } = context;
  const message = 'the content is being wrapped up';
  const failure: Failure = { at, code: 'wrong-state', message, retryable: false, jitter: 0 };
  const refused = context.jobs.filter(isRequested).map((job) => ({ job, at, failure }));
  return {
    jobs: context.jobs.filter(({ kind }) => kind === 'snapshot'),
    results: [...context.results, ...refused].slice(-context.limits.jobsMax),
  };
}

/** There is nothing left to read: every promise is answered with why. */
export function abandoned(context: ContentContext, failure: Failure): Change {
  const names = new Set(context.jobs.map((job) => (job.kind === 'snapshot' ? job.name : undefined)));
  return {
    jobs: [],
    snapshots: context.snapshots.map((one) => (names.has(one.name) ? outcomeOf(one, { failure }) : one)),
  };
}

export function isTimed(job: Job): job is Extract<Job, { readonly origin: 'timer' }> {
  return job.kind === 'backup' && job.origin === 'timer';
}

function isRequested(job: Job): job is RequestedBackup {
  return job.kind === 'backup' && job.origin === 'request';
}

function queued(context: ContentContext, job: Job, at: number): Change {
  return { jobs: [...context.jobs, job], ticket: Math.max(context.ticket, job.ticket), at };
}

/** The job at the front is over. Callers wait for the results of theirs; the timer was told. */
function over(context: ContentContext, result: JobResult): Change {
  const { job, at } = result;
  const jobs = context.jobs.slice(1);
  if (isTimed(job)) return { jobs, at };
  const results = [...context.results, result].slice(-context.limits.jobsMax);
  if (job.kind === 'backup') return { jobs, results, at };
  const snapshots = context.snapshots.map((one) => (one.name === job.name ? outcomeOf(one, result) : one));
  return { jobs, results, snapshots, at };
}

function outcomeOf(
  { name, requestedAt }: SnapshotRecord,
  { reference, failure }: Pick<JobResult, 'reference' | 'failure'>,
): SnapshotRecord {
  if (reference !== undefined) return { state: 'available', name, requestedAt, reference };
  if (failure !== undefined) return { state: 'failed', name, requestedAt, failure };
  return { state: 'pending', name, requestedAt };
}

/** The newest ones, and all that are still to be made. */
function kept(snapshots: readonly SnapshotRecord[], most: number): readonly SnapshotRecord[] {
  const first = snapshots.findIndex(({ state }) => state !== 'pending');
  if (snapshots.length <= most || first < 0) return snapshots;
  return kept(snapshots.toSpliced(first, 1), most);
}
