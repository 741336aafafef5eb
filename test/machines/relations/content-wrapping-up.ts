/** WRAPPING_UP in the relation of the content machine; written by hand. */
import type { Failure } from '../../../machines/content-types.js';
import { type Happening, type Outcome, overdue, type StateRule } from '../harness/spec.js';
import * as attachments from './content-attachments.js';
import * as data from './content-data.js';
import { jobOver } from './content-jobs.js';
import {
  type Change,
  type Context,
  deadline,
  disposed,
  failing,
  joined,
  joins,
  late,
  type Rule,
  recording,
  refusal,
  runFailed,
  timerEndings,
  to,
  waiting,
} from './content-rules.js';

function isMissing({ rootFailure }: Context): boolean {
  return rootFailure?.code === 'content-missing';
}

/** Before the content is quiet: the timer, and the workspace's own program, which runs once. */
export function prepare(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  if (next.verified) return disconnect(context, change);
  if (next.isTimerOn) return { to: 'wrappingUp.stoppingTimer', change };
  const isDue = next.preStop === undefined && next.setup !== undefined && !isMissing(next);
  return { to: isDue ? 'wrappingUp.runningPreStop' : 'wrappingUp.quiescing', change };
}

/** What was promised besides the backup: logs once, then every snapshot. */
function gather(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  const wantsLogs = next.logs === undefined && next.setup !== undefined && next.disposal?.backupLogs === true;
  if (wantsLogs && !isMissing(next)) return { to: 'wrappingUp.uploadingLogs', change };
  return next.jobs.length > 0 ? { to: 'wrappingUp.makingSnapshot', change } : disconnect(context, change);
}

/** A record that is not needed to go on. */
function noting(next: (context: Context, change: Change) => Outcome<Context>): StateRule<Context> {
  return recording('wrapping-up', {
    on: {
      ...joins,
      'writeRecord.done': (context, { at }) => next(context, { at, recorded: 'wrapping-up' }),
    },
    failed: (context, { failure }) => next(context, { at: failure.at, failure }),
    late: (context, one) => next(context, { at: one.at, failure: overdue(context, one) }),
  });
}

function preStopBroken(
  context: Context,
  failure: Failure,
  outcome: 'failed' | 'timed-out',
): Outcome<Context> {
  const { at } = failure;
  const preStop = { outcome, durationMs: at - (context.deadline - 1_550), at };
  return { to: 'wrappingUp.recordingPreStop', change: { at, failure, preStop } };
}

function logsBroken({ at, ...rest }: Failure): Outcome<Context> {
  const change = { at, failure: { at, ...rest }, logs: { outcome: 'failed' as const, at } };
  return { to: 'wrappingUp.recordingLogs', change };
}

function snapshotFailed(context: Context, failure: Failure): Outcome<Context> {
  return { to: 'wrappingUp.recordingSnapshot', change: jobOver(context, failure.at, { failure }) };
}

const lastWork: Record<string, StateRule<Context>> = {
  'wrappingUp.stoppingTimer': {
    enters: ({ at }) => ({ waitingFor: 'the end of the backup timer', deadline: at + 1_700 }),
    sends: ({ at }) => [{ to: 'timer:backup', event: { type: 'STOP', at } }],
    runs: (context) => [deadline(context)],
    on: {
      ...joins,
      ...timerEndings(prepare),
      'deadline.done': (context, one) =>
        prepare(context, { at: one.at, failure: overdue(context, one), isTimerOn: false }),
      'deadline.failed': (context, { failure }) =>
        prepare(context, { at: failure.at, failure, isTimerOn: false }),
    },
  },
  'wrappingUp.runningPreStop': waiting('runPreStop', {
    says: "the workspace's own pre-stop program",
    milliseconds: 1_550,
    on: {
      ...joins,
      'runPreStop.done ran': (_, { at }) => ({
        to: 'wrappingUp.recordingPreStop',
        change: { at, preStop: { ...data.preStop, at } },
      }),
      // Nothing was done that must not be done again.
      'runPreStop.done absent': (context, { at }) =>
        prepare(context, { at, preStop: { ...data.noPreStop, at } }),
    },
    failed: (context, { failure }) => preStopBroken(context, failure, 'failed'),
    late: (context, one) => preStopBroken(context, overdue(context, one), 'timed-out'),
  }),
  'wrappingUp.recordingPreStop': noting(prepare),
  'wrappingUp.uploadingLogs': waiting('uploadLogs', {
    says: 'storing the terminal logs',
    milliseconds: 1_650,
    on: {
      ...joins,
      'uploadLogs.done': (_, { at }) => ({
        to: 'wrappingUp.recordingLogs',
        change: { at, logs: { outcome: 'uploaded', at } },
      }),
    },
    failed: (_, { failure }) => logsBroken(failure),
    late: (context, one) => logsBroken(overdue(context, one)),
  }),
  'wrappingUp.recordingLogs': noting(gather),
  'wrappingUp.makingSnapshot': waiting('runJob', {
    says: 'the backup or snapshot',
    milliseconds: 1_800,
    enters: ({ at }) => ({ jobBeganAt: at }),
    input: ({ jobs }) => ({ job: jobs[0] }),
    on: {
      ...joins,
      'runJob.done': (context, { at }) => ({
        to: 'wrappingUp.recordingSnapshot',
        change: jobOver(context, at, { reference: data.reference(at) }),
      }),
    },
    failed: (context, { failure }) => snapshotFailed(context, failure),
    late: (context, one) => snapshotFailed(context, overdue(context, one)),
  }),
  'wrappingUp.recordingSnapshot': noting(gather),
};

/** After everything under way has ended: attachments, then the backup, then removal. */
export function disconnect(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  const { attachments: living, setup, disposal, recorded, verified } = next;
  if (living.length > 0) return { to: 'wrappingUp.detaching', change };
  if (recorded === 'removing') return { to: 'wrappingUp.removing', change };
  if (verified) return { to: 'wrappingUp.recordingRemoval', change };
  const isNothingThere = setup === undefined || isMissing(next);
  if (isNothingThere || disposal?.backup === false) return { to: 'wrappingUp.recordingRemoval', change };
  return { to: disposal === undefined ? 'failed' : 'wrappingUp.backingUp', change };
}

/** An attempt of the final backup came to nothing; only a passing cause is worth another one at once. */
function weigh(context: Context, failure: Failure): Outcome<Context> {
  const attempt = context.attempt + 1;
  const change = { at: failure.at, failure, attempt, finalBackup: undefined, verified: false };
  return {
    to: failure.retryable && attempt < 2 ? 'wrappingUp.pausing' : 'wrappingUp.recordingStranded',
    change,
  };
}

const attempts = {
  failed: (context: Context, { failure }: Happening) => weigh(context, failure),
  late: (context: Context, one: Happening) => weigh(context, overdue(context, one)),
};

/** A wait between attempts, whatever the others are called. */
function pause(says: string, next: string, on: Record<string, Rule>): StateRule<Context> {
  return {
    rests: true,
    enters: ({ at, pauses, failure }) => {
      const whole = data.PAUSES[Math.min(pauses, data.PAUSES.length - 1)] ?? 0;
      const deadline = at + whole / 2 + (whole / 2) * (failure?.jitter ?? 0);
      return { waitingFor: says, deadline, pauses: pauses + 1 };
    },
    runs: (context) => [deadline(context)],
    on: { 'deadline.done': to(next), 'deadline.failed': failing(next), ...on },
  };
}

const retries = { failed: failing('wrappingUp.retrying'), late: late('wrappingUp.retrying') };
const retriesRemoval = {
  failed: failing('wrappingUp.retryingRemoval'),
  late: late('wrappingUp.retryingRemoval'),
};

const safekeeping: Record<string, StateRule<Context>> = {
  'wrappingUp.recordingWrapUp': recording('wrapping-up', {
    enters: () => ({ attempt: 0 }),
    on: {
      ...joins,
      'writeRecord.done': (context, { at }) => prepare(context, { at, recorded: 'wrapping-up' }),
    },
    ...retries,
  }),
  'wrappingUp.quiescing': waiting('quiesce', {
    says: 'ending all work',
    milliseconds: 1_600,
    on: { ...joins, 'quiesce.done': (context, { at }) => gather(context, { at, gitStatus: data.git }) },
    failed: (context, { failure }) => gather(context, { at: failure.at, failure }),
    late: (context, one) => gather(context, { at: one.at, failure: overdue(context, one) }),
  }),
  'wrappingUp.detaching': {
    enters: (context) => ({
      waitingFor: `the end of ${attachments.leaving(context)}`,
      deadline: context.at + 1_700,
    }),
    sends: (context) => [{ to: attachments.leaving(context), event: { type: 'STOP', at: context.at } }],
    runs: (context) => [deadline(context)],
    on: {
      ...joins,
      ...attachments.endings(disconnect),
      'deadline.done': (context, one) =>
        disconnect(context, {
          at: one.at,
          failure: overdue(context, one),
          ...attachments.without(context, attachments.leaving(context)),
        }),
      'deadline.failed': (context, { failure }) =>
        disconnect(context, {
          ...{ at: failure.at, failure },
          ...attachments.without(context, attachments.leaving(context)),
        }),
    },
  },
  'wrappingUp.backingUp': waiting('finalBackup', {
    says: 'the final backup',
    milliseconds: 1_800,
    on: {
      ...joins,
      'finalBackup.done': (_, { at }) => ({
        to: 'wrappingUp.verifying',
        change: { at, finalBackup: data.reference(at), verified: false },
      }),
    },
    ...attempts,
  }),
  'wrappingUp.verifying': waiting('verifyBackup', {
    says: 'verifying the backup',
    milliseconds: 1_900,
    on: {
      ...joins,
      'verifyBackup.done': ({ finalBackup }, { at }) => ({
        to: 'wrappingUp.recordingRemoval',
        change: { at, verified: true, lastBackup: finalBackup, failure: undefined },
      }),
    },
    ...attempts,
  }),
  'wrappingUp.pausing': pause('the next attempt of the final backup', 'wrappingUp.backingUp', joins),
  'wrappingUp.recordingRemoval': recording('removing', {
    on: {
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.removing',
        change: { at, recorded: 'removing' },
      }),
    },
    ...retries,
  }),
  'wrappingUp.removing': waiting('remove', {
    says: 'removing',
    milliseconds: 2_000,
    on: { 'remove.done': to('wrappingUp.recordingGone') },
    ...retriesRemoval,
  }),
  'wrappingUp.recordingGone': recording('gone', {
    on: { 'writeRecord.done': (_, { at }) => ({ to: 'gone', change: { at, recorded: 'gone' } }) },
    ...retriesRemoval,
  }),
  'wrappingUp.recordingStranded': recording('wrapping-up', {
    on: {
      ...joins,
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.stranded',
        change: { at, recorded: 'wrapping-up' },
      }),
    },
    failed: (_, __) => ({ to: 'wrappingUp.stranded', change: {} }),
    broken: failing('wrappingUp.stranded'),
    late: to('wrappingUp.stranded'),
  }),
  'wrappingUp.stranded': pause('the next attempt to save the content', 'wrappingUp.recordingWrapUp', {
    'DISPOSE backup': (context, { at }) => ({
      to: 'wrappingUp.recordingWrapUp',
      change: { at, disposal: joined(context, data.saving) },
    }),
    'DISPOSE discard': (_, { at }) => ({
      to: 'wrappingUp.recordingRemoval',
      change: {
        ...{ at, disposal: data.discarding },
        ...{ failure: undefined, finalBackup: undefined, verified: false },
      },
    }),
    BACKUP: to('wrappingUp.recordingWrapUp'),
    'BACKUP shrinking': (context, { at }) => ({
      to: 'wrappingUp.recordingWrapUp',
      change: shrinks(context, at),
    }),
    RETRY: to('wrappingUp.recordingWrapUp'),
  }),
  'wrappingUp.retrying': pause('the next attempt to write the record', 'wrappingUp.recordingWrapUp', {
    ...disposed((context, at, next) => ({
      to: 'wrappingUp.recordingWrapUp',
      change: { at, disposal: joined(context, next) },
    })),
    RETRY: to('wrappingUp.recordingWrapUp'),
  }),
  'wrappingUp.retryingRemoval': pause('the next attempt to remove the content', 'wrappingUp.removing', {
    ...disposed((_, at) => ({ to: 'wrappingUp.removing', change: { at } })),
    RETRY: to('wrappingUp.removing'),
  }),
};

/** Somebody says that the content is meant to be so much less. */
function shrinks({ disposal }: Context, at: number): Change {
  return disposal === undefined ? { at } : { at, disposal: { ...disposal, acceptShrink: true } };
}

/** In every state of the wrap-up no backup is due, and what is wanted of the final one may still be said. */
export const wrappingUp: Record<string, StateRule<Context>> = Object.fromEntries(
  Object.entries({ ...safekeeping, ...lastWork }).map(([name, rule]) => [
    name,
    {
      ...rule,
      on: {
        'BACKUP shrinking': (context, { at }) => ({ change: shrinks(context, at) }),
        BACKUP_DUE: (context, { at }) =>
          context.isTimerOn ? { change: {}, sends: runFailed(context, at, refusal(at)) } : undefined,
        ...rule.on,
      },
    },
  ]),
);
