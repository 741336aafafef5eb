/** WRAPPING_UP in the relation of the content machine; written by hand. */
import type { Failure } from '../../../machines/content-types.js';
import { type Happening, type Outcome, overdue, type StateRule } from '../harness/spec.js';
import * as attachments from './content-attachments.js';
import * as data from './content-data.js';
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
  to,
  waiting,
} from './content-rules.js';

/** After everything under way has ended: attachments, then the backup, then removal. */
export function disconnect(context: Context, change: Change): Outcome<Context> {
  const { attachments: living, setup, disposal, recorded, verified } = { ...context, ...change };
  if (living.length > 0) return { to: 'wrappingUp.detaching', change };
  if (recorded === 'removing') return { to: 'wrappingUp.removing', change };
  if (verified) return { to: 'wrappingUp.recordingRemoval', change };
  if (setup === undefined || disposal?.backup === false) return { to: 'wrappingUp.recordingRemoval', change };
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

export const wrappingUp: Record<string, StateRule<Context>> = {
  'wrappingUp.recordingWrapUp': recording('wrapping-up', {
    enters: () => ({ attempt: 0 }),
    on: {
      ...joins,
      'writeRecord.done': (context, { at }) => {
        const change = { at, recorded: 'wrapping-up' as const };
        return context.verified ? disconnect(context, change) : { to: 'wrappingUp.quiescing', change };
      },
    },
    ...retries,
  }),
  'wrappingUp.quiescing': waiting('quiesce', {
    says: 'ending all work',
    milliseconds: 1_600,
    enters: ({ at, jobs, results }) => {
      const message = 'the content is being wrapped up';
      const failure: Failure = { at, code: 'wrong-state', message, retryable: false, jitter: 0 };
      return { jobs: [], results: [...results, ...jobs.map((job) => ({ job, at, failure }))].slice(-2) };
    },
    on: { ...joins, 'quiesce.done': (context, { at }) => disconnect(context, { at, gitStatus: data.git }) },
    failed: (context, { failure }) => disconnect(context, { at: failure.at, failure }),
    late: (context, one) => disconnect(context, { at: one.at, failure: overdue(context, one) }),
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
        to: 'wrappingUp.recordingBackup',
        change: { at, verified: true, lastBackup: finalBackup, failure: undefined },
      }),
    },
    ...attempts,
  }),
  'wrappingUp.pausing': pause('the next attempt of the final backup', 'wrappingUp.backingUp', joins),
  'wrappingUp.recordingBackup': recording('wrapping-up', {
    on: {
      ...joins,
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.recordingRemoval',
        change: { at, recorded: 'wrapping-up' },
      }),
    },
    ...retries,
  }),
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
