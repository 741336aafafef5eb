/** What records of version 1 lack, filled in. What does not fit is left as it is: the check that follows says so. */

/** What the fields of a body may be that are looked at here. */
interface Fields {
  readonly [name: string]: unknown;
  readonly jobs?: unknown;
  readonly results?: unknown;
  readonly job?: unknown;
  readonly kind?: unknown;
  readonly at?: unknown;
  readonly code?: unknown;
  readonly disposal?: unknown;
}

/** Snapshots that were promised were jobs and nothing else; whoever asked for a backup did so on purpose. */
export function contentFromFirst(body: unknown): unknown {
  const record = asObject(body);
  const jobs = listOf(record.jobs).map(jobFromFirst);
  const results = listOf(record.results).map((result) => ({
    ...asObject(result),
    job: jobFromFirst(asObject(result).job),
  }));
  const snapshots = jobs
    .map(asObject)
    .filter((job) => job.kind === 'snapshot')
    .map(({ name }) => ({ state: 'pending', name, requestedAt: record.at }));
  return { ...withDisposal(record), jobs, results, snapshots, ...rootFailure(record) };
}

export function finishedFromFirst(body: unknown): unknown {
  return { ...withDisposal(asObject(body)), snapshots: [] };
}

/** Why the content is gone, or never was complete, decides the answers of a wrap-up that goes on. */
function rootFailure({ step, setup, failure }: Fields): Fields {
  const isWrappingUp = step === 'wrapping-up' || step === 'removing';
  const isRoot = setup === undefined || asObject(failure).code === 'content-missing';
  return isWrappingUp && isRoot && failure !== undefined ? { rootFailure: failure } : {};
}

function jobFromFirst(job: unknown): unknown {
  const fields = asObject(job);
  return fields.kind === 'backup' ? { ...fields, origin: 'request', acceptShrink: false } : job;
}

function withDisposal(record: Fields): Fields {
  if (record.disposal === undefined) return record;
  return { ...record, disposal: { ...asObject(record.disposal), acceptShrink: false } };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
