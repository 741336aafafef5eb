/** Backups and snapshots in the relation of the content machine; written by hand, like it. */
import type { JobResult, SnapshotRecord } from '../../../machines/content-types.js';
import { type Happening, type Outcome, overdue, type Sent } from '../harness/spec.js';
import * as data from './content-data.js';
import { atRest, type Change, type Context, type Rule, runFailed, runOf } from './content-rules.js';

type Ended = Omit<JobResult, 'job' | 'at'>;

/** The job at the front is over. The timer was told of its own; for the others there is a result. */
export function jobOver(context: Context, at: number, ended: Ended): Change {
  const [job, ...jobs] = context.jobs;
  if (job === undefined) throw new Error('no job was under way');
  if (runOf(job) !== undefined) return { at, jobs };
  const results = [...context.results, { job, at, ...ended }].slice(-2);
  if (job.kind === 'backup') return { at, jobs, results };
  return { at, jobs, results, snapshots: context.snapshots.map((one) => become(one, [job.name], ended)) };
}

/** A promise is kept, or it is known why it cannot be. */
export function become(one: SnapshotRecord, names: readonly string[], ended: Ended): SnapshotRecord {
  const { name, requestedAt } = one;
  if (!names.includes(name)) return one;
  const { reference, failure } = ended;
  if (reference !== undefined) return { state: 'available', name, requestedAt, reference };
  if (failure === undefined) throw new Error('a job ended neither way');
  return { state: 'failed', name, requestedAt, failure };
}

type Leave = (context: Context, change: Change) => Outcome<Context>;

function over(context: Context, leave: Leave, at: number, ended: Ended, sends: Sent[]): Outcome<Context> {
  return { ...leave(context, jobOver(context, at, ended)), sends };
}

export const jobFailed =
  (leave: Leave): Rule =>
  (context, { failure }) =>
    over(context, leave, failure.at, { failure }, runFailed(context, runOf(context.jobs[0]), failure));

export const jobLate =
  (leave: Leave): Rule =>
  (context, one) => {
    const failure = overdue(context, one);
    return over(context, leave, one.at, { failure }, runFailed(context, runOf(context.jobs[0]), failure));
  };

/** A backup that succeeded holds whatever was there when it began. */
export const jobDone =
  (leave: Leave): Rule =>
  (context, { at }) => {
    const reference = data.reference(at);
    const [job] = context.jobs;
    const run = context.isTimerOn ? runOf(job) : undefined;
    const done = { type: 'BACKUP_DONE', at, run, jitter: data.JITTER };
    const saved = job?.kind === 'backup' ? { lastBackup: reference, savedAt: context.jobBeganAt } : {};
    const change = { ...jobOver(context, at, { reference }), ...saved };
    return {
      ...leave(context, change),
      sends: run === undefined ? [] : [{ to: 'timer:backup', event: done }],
    };
  };

/** Backups and snapshots while there is room, and one of the timer; what is asked for in rest begins. */
export function queueing(begins: boolean): Record<string, Rule> {
  const queued = (context: Context, change: Change) => (begins ? atRest(context, change) : { change });
  const hasRoom = ({ jobs }: Context) => jobs.length < 2;
  const backup =
    (acceptShrink: boolean): Rule =>
    (context, { at }) => {
      const ticket = context.ticket + 1;
      const job = { kind: 'backup', origin: 'request', ticket, acceptShrink } as const;
      return hasRoom(context) ? queued(context, { at, ticket, jobs: [...context.jobs, job] }) : undefined;
    };
  return {
    BACKUP: backup(false),
    'BACKUP shrinking': backup(true),
    SNAPSHOT: (context, one) => (hasRoom(context) ? queued(context, promised(context, one)) : undefined),
    BACKUP_DUE: (context, { at }) => {
      const run = at;
      if (context.jobs.some((job) => runOf(job) !== undefined)) {
        const jobs = context.jobs.map((job) => (runOf(job) === undefined ? job : { ...job, run }));
        return { change: { at, jobs } };
      }
      const ticket = context.ticket + 1;
      const job = { kind: 'backup', origin: 'timer', ticket, run } as const;
      return queued(context, { at, ticket, jobs: [...context.jobs, job] });
    },
  };
}

/** The work and the record of the promise; of the others the newest stay. */
function promised({ jobs, snapshots, ticket: last }: Context, { at }: Happening): Change {
  const ticket = last + 1;
  const name = `snap-${ticket}`;
  const all: SnapshotRecord[] = [...snapshots, { state: 'pending', name, requestedAt: at }];
  while (all.length > 2) {
    const old = all.findIndex(({ state }) => state !== 'pending');
    if (old < 0) break;
    all.splice(old, 1);
  }
  return { at, ticket, jobs: [...jobs, { kind: 'snapshot', ticket, name }], snapshots: all };
}
