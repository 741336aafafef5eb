/** What the rules of the content machine's relation are made of; written by hand, like them. */
import type {
  ContentContext,
  Disposal,
  Failure,
  Job,
  RequestedBackup,
} from '../../../machines/content-types.js';
import { failureAt } from '../harness/happenings.js';
import {
  type Happening,
  type Outcome,
  overdue,
  type Running,
  type Sent,
  type StateRule,
} from '../harness/spec.js';
import * as data from './content-data.js';

export type Context = ContentContext;
export type Change = Partial<Context>;
export type Rule = (context: Context, happening: Happening) => Outcome<Context> | undefined;

/** Goes to a state, keeping the time. */
export const to =
  (state: string): Rule =>
  (_, { at }) => ({ to: state, change: { at } });

export const failing =
  (state: string): Rule =>
  (_, { failure }) => ({ to: state, change: { at: failure.at, failure } });

export const late =
  (state: string): Rule =>
  (context, one) => ({ to: state, change: { at: one.at, failure: overdue(context, one) } });

/** What the timer, or a caller, is told of a backup that the wrap-up takes the place of. */
export function refusal(at: number): Failure {
  const message = 'the content is being wrapped up';
  return { at, code: 'wrong-state', message, retryable: false, jitter: 0 };
}

/** The answer to the timer's run; nothing when it lives no more. */
export function runFailed({ isTimerOn }: Context, run: number | undefined, failure: Failure): Sent[] {
  if (!isTimerOn || run === undefined) return [];
  return [{ to: 'timer:backup', event: { type: 'BACKUP_FAILED', at: failure.at, run, failure } }];
}

export function runOf(job: Job | undefined): number | undefined {
  return job?.kind === 'backup' && job.origin === 'timer' ? job.run : undefined;
}

/** WRAPPING_UP begins, or goes on: of the jobs that wait, only promised snapshots stay. */
export function wrapUp(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  const { at, jobs, results } = next;
  const isUnderWay = next.recorded === 'wrapping-up' || next.recorded === 'removing';
  const asked = jobs.filter(
    (job): job is RequestedBackup => job.kind === 'backup' && job.origin === 'request',
  );
  const timed = jobs.find((job) => runOf(job) !== undefined);
  return {
    to: 'wrappingUp.recordingWrapUp',
    change: {
      ...change,
      ...(isUnderWay ? {} : { since: at }),
      ...(isUnderWay || next.setup !== undefined ? {} : { rootFailure: next.rootFailure ?? next.failure }),
      jobs: jobs.filter(({ kind }) => kind === 'snapshot'),
      results: [...results, ...asked.map((job) => ({ job, at, failure: refusal(at) }))].slice(-2),
    },
    sends: runFailed(next, runOf(timed), refusal(at)),
  };
}

export const giveUpSetup: Rule = (context, { failure }) =>
  wrapUp(context, { at: failure.at, failure, setup: undefined });
export const giveUpLateSetup: Rule = (context, one) =>
  wrapUp(context, { at: one.at, failure: overdue(context, one), setup: undefined });

/** The first Dispose decides, later ones may only add to it. */
export function joined({ disposal }: Pick<Context, 'disposal'>, next: Disposal): Disposal {
  if (disposal === undefined) return next;
  return {
    backup: disposal.backup || next.backup,
    backupLogs: disposal.backupLogs || next.backupLogs,
    acceptShrink: disposal.acceptShrink || next.acceptShrink,
    reason: disposal.reason,
  };
}

/** Both kinds of Dispose. */
export function disposed(
  rule: (context: Context, at: number, disposal: Disposal) => Outcome<Context>,
): Record<string, Rule> {
  return {
    'DISPOSE backup': (context, { at }) => rule(context, at, data.saving),
    'DISPOSE discard': (context, { at }) => rule(context, at, data.discarding),
  };
}

/** In WRAPPING_UP, until removal is recorded. */
export const joins = disposed((context, at, next) => ({ change: { at, disposal: joined(context, next) } }));

/** While the content is being set up: what there is of it is thrown away. */
export const abandons = disposed((context, at, next) =>
  wrapUp(context, { at, disposal: joined(context, next), setup: undefined }),
);

/** Once it is complete, it is not. */
export const leaves = disposed((context, at, next) =>
  wrapUp(context, { at, disposal: joined(context, next) }),
);

/** A state that waits for one effect. */
export function waiting(
  effect: string,
  options: {
    readonly says: string;
    readonly milliseconds: number;
    readonly on: Record<string, Rule>;
    readonly failed: Rule;
    readonly late: Rule;
    /** What a broken deadline leads to, where that is not what a failed effect leads to. */
    readonly broken?: Rule;
    readonly enters?: (context: Context) => Change;
    readonly input?: (context: Context) => object;
  },
): StateRule<Context> {
  const { says, milliseconds, on, failed, enters, input } = options;
  return {
    enters: (context) => ({ ...enters?.(context), waitingFor: says, deadline: context.at + milliseconds }),
    runs: (context) => [{ effect, input: { context, ...input?.(context) } }, deadline(context)],
    on: {
      [`${effect}.failed`]: failed,
      'deadline.done': options.late,
      'deadline.failed': options.broken ?? failed,
      ...on,
    },
  };
}

export function recording(
  step: string,
  options: Omit<Parameters<typeof waiting>[1], 'says' | 'milliseconds'>,
): StateRule<Context> {
  return waiting('writeRecord', {
    ...options,
    says: 'writing the record',
    milliseconds: 1_100,
    input: (context) => ({ ...options.input?.(context), step }),
  });
}

export function deadline(context: Context): Running {
  return { effect: 'deadline', input: { at: context.deadline } };
}

/** Where content in use is, by whether anybody waits for a job. */
export function atRest(context: Context, change: Change): Outcome<Context> {
  const { jobs } = { ...context, ...change };
  return { to: jobs.length > 0 ? 'available.recordingJob' : 'available.idle', change };
}

/** Content comes into use, with its timer beside it where there may be backups at all. */
export function intoUse(context: Context, at: number): Outcome<Context> {
  const hasTimer = context.request?.remoteStorageDisabled !== true;
  const outcome = atRest(context, hasTimer ? { at, isTimerOn: true } : { at });
  return hasTimer ? { ...outcome, spawns: [data.timerOf(context, at)] } : outcome;
}

/** What ends with the timer. Only one that broke is a failure. */
export function timerEndings(
  leave?: (context: Context, change: Change) => Outcome<Context>,
): Record<string, Rule> {
  const end = (context: Context, change: Change) =>
    leave === undefined ? { change } : leave(context, change);
  return {
    'the timer ends': (context, { at }) => end(context, { at, isTimerOn: false }),
    'the timer breaks': (context, { failure }) => end(context, { at: failure.at, failure, isTimerOn: false }),
  };
}

/** The ends of the timer as events. */
export const timerEvents = {
  'the timer ends': (at: number) => ({
    type: 'xstate.done.actor.timer:backup',
    actorId: 'timer:backup',
    output: { at, how: 'clean' },
  }),
  'the timer breaks': (at: number) => ({
    type: 'xstate.error.actor.timer:backup',
    actorId: 'timer:backup',
    error: failureAt(at, true),
  }),
};
