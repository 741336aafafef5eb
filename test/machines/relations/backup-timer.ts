import { backupTimerMachine } from '../../../machines/backup-timer.js';
import type {
  BackupTimerContext,
  BackupTimerLimits,
  BackupTimerRecord,
} from '../../../machines/backup-timer-steps.js';
import type { Failure } from '../../../machines/content-types.js';
import { type Happening, type Outcome, overdue, type Spec, type StateRule } from '../harness/spec.js';
import { identity } from './content-data.js';

type Context = BackupTimerContext;

const limits: BackupTimerLimits = {
  periodMs: 300_000,
  spreadShare: 0.2,
  catchUpMs: 30_000,
  pauseMinMs: 20_000,
  pauseMaxMs: 60_000,
  answerMs: 900_000,
  stopMs: 10_000,
  recordMs: 5_000,
};

/** Pauses after 1, 2, 3 and more failures: the whole of it, of which half is random. */
const PAUSES = [20_000, 40_000, 60_000];

const { instance } = identity();

const fresh: Context = {
  instance,
  limits,
  nextAt: 1_000 + 300_000,
  run: 0,
  failures: 0,
  isRecorded: false,
  at: 1_000,
  deadline: 1_000,
  waitingFor: '',
  stopping: false,
  how: 'clean',
  failure: undefined,
};

const record: BackupTimerRecord = { nextAt: 50_000, run: 4, failures: 1 };

function comeBack(at: number, saved: BackupTimerRecord, nextAt: number): Context {
  return { ...fresh, ...saved, nextAt, isRecorded: true, at, deadline: at };
}

/** Where a timer goes when nothing is under way. */
function settle(context: Context, change: Partial<Context>): Outcome<Context> {
  const { stopping } = { ...context, ...change };
  return { to: stopping ? 'stopped' : 'waiting', change };
}

function runFailed(context: Context, failure: Failure): Outcome<Context> {
  const failures = context.failures + 1;
  const pause = PAUSES[Math.min(failures, PAUSES.length) - 1] ?? 0;
  const nextAt = failure.at + pause / 2 + (pause / 2) * failure.jitter;
  return { to: 'recording', change: { at: failure.at, failures, failure, nextAt } };
}

const unwritten = (context: Context, { failure }: Happening) => settle(context, { at: failure.at, failure });
const stop = (_: Context, { at }: Happening) => ({ change: { at, stopping: true } });
const deadline = (context: Context) => ({ effect: 'deadline', input: { at: context.deadline } });

const states: Record<string, StateRule<Context>> = {
  recording: {
    enters: ({ at }) => ({ waitingFor: 'writing the record', deadline: at + 5_000 }),
    runs: (context) => {
      const { nextAt, run, failures } = context;
      return [
        { effect: 'writeRecord', input: { instance, record: { nextAt, run, failures } } },
        deadline(context),
      ];
    },
    on: {
      'writeRecord.done': (context, { at }) => settle(context, { at, isRecorded: true }),
      'writeRecord.failed': unwritten,
      'deadline.failed': unwritten,
      'deadline.done': (context, one) => settle(context, { at: one.at, failure: overdue(context, one) }),
      STOP: stop,
    },
  },
  waiting: {
    rests: true,
    enters: ({ nextAt }) => ({ waitingFor: 'the next backup', deadline: nextAt }),
    runs: (context) => [deadline(context)],
    on: {
      'deadline.done': ({ run }, { at }) => ({
        to: 'running',
        change: { at, run: run + 1 },
        sends: [{ to: 'parent', event: { type: 'BACKUP_DUE', at, run: run + 1 } }],
      }),
      'deadline.failed': (context, { failure }) => runFailed(context, failure),
      STOP: (context, one) => ({ to: 'stopped', ...stop(context, one) }),
    },
  },
  running: {
    enters: ({ at }) => ({ waitingFor: 'the backup', deadline: at + 900_000 }),
    runs: (context) => [deadline(context)],
    on: {
      'BACKUP_DONE this run': (_, { at }) => ({
        to: 'recording',
        change: { at, failures: 0, failure: undefined, nextAt: at + 300_000 + 60_000 * (0.75 - 0.5) },
      }),
      'BACKUP_FAILED this run': (context, { failure }) => runFailed(context, failure),
      'deadline.done': (context, one) => runFailed(context, overdue(context, one)),
      'deadline.failed': (context, { failure }) => runFailed(context, failure),
      STOP: (context, one) => ({ to: 'stopping', ...stop(context, one) }),
    },
  },
  stopping: {
    enters: ({ at }) => ({ waitingFor: 'the end of the backup', deadline: at + 10_000 }),
    runs: (context) => [deadline(context)],
    on: {
      'BACKUP_DONE this run': (_, { at }) => ({ to: 'stopped', change: { at } }),
      'BACKUP_FAILED this run': (_, { at }) => ({ to: 'stopped', change: { at } }),
      'deadline.done': (context, one) => ({
        to: 'stopped',
        change: { at: one.at, failure: overdue(context, one), how: 'forced' },
      }),
      'deadline.failed': (_, { failure }) => ({
        to: 'stopped',
        change: { at: failure.at, failure, how: 'forced' },
      }),
    },
  },
  stopped: { final: true, on: {} },
};

function failureOfRun(at: number): Failure {
  return {
    at,
    code: 'storage-unavailable',
    message: 'storage-unavailable for a test',
    retryable: true,
    jitter: 0.5,
  };
}

export const backupTimerSpec: Spec<Context> = {
  name: 'backup-timer',
  machine: backupTimerMachine,
  states,
  starts: [
    { name: 'new', input: { instance, limits, at: 1_000, jitter: 0.5 }, state: 'recording', context: fresh },
    {
      name: 'back in time',
      input: { instance, limits, at: 40_000, jitter: 0.5, record },
      state: 'waiting',
      context: comeBack(40_000, record, 50_000),
    },
    {
      name: 'back too late',
      input: { instance, limits, at: 50_000, jitter: 0.5, record },
      state: 'waiting',
      context: comeBack(50_000, record, 50_000 + 15_000),
    },
    {
      name: 'back with the clock set back',
      input: { instance, limits, at: 1_000, jitter: 0.5, record: { ...record, nextAt: 9_000_000 } },
      state: 'waiting',
      context: comeBack(1_000, record, 1_000 + 330_000),
    },
  ],
  events: {
    'BACKUP_DONE this run': (at, { run }) => event({ type: 'BACKUP_DONE', at, run, jitter: 0.75 }),
    'BACKUP_DONE other run': (at, { run }) => event({ type: 'BACKUP_DONE', at, run: run - 1, jitter: 0.75 }),
    'BACKUP_FAILED this run': (at, { run }) =>
      event({ type: 'BACKUP_FAILED', at, run, failure: failureOfRun(at) }),
    'BACKUP_FAILED other run': (at, { run }) =>
      event({ type: 'BACKUP_FAILED', at, run: run + 1, failure: failureOfRun(at) }),
    STOP: (at) => event({ type: 'STOP', at }),
  },
  answers: { writeRecord: [{ output: (at) => ({ at }) }] },
  key: ({ stopping, isRecorded, how, failure, failures, run, waitingFor }) => [
    [stopping, isRecorded, how, failure?.code, waitingFor],
    [Math.min(failures, PAUSES.length), Math.min(run, 1)],
  ],
  output: (_, { at, how }) => ({ at, how }),
  timing: ({ at, deadline: until }) => ({ at, deadline: until }),
};

/** Keeps what an event is while its type becomes that of any event. */
function event<Event extends { readonly type: string }>(one: Event): Event {
  return one;
}
