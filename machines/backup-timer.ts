/**
 * Says when the content of one instance is due for a backup. It makes none itself: it sends its owner BACKUP_DUE
 * with the number of the run, and its owner answers BACKUP_DONE or BACKUP_FAILED with the same number.
 *
 * State      What may exist in it                            What leaves it
 * recording  a write of the record under way                 written, failed or overdue → waiting or stopped
 * waiting    a deadline: the absolute time of the next run   due → running; STOP → stopped
 * running    one backup at the owner                         its answer, or none in time → recording; STOP → stopping
 * stopping   the backup that was under way                   its answer, or none in time → stopped
 * stopped    nothing; the output says how it ended           final
 *
 * Ignored: an answer with another number (a late one, of a run that was given up) or outside `running` and
 * `stopping`; everything but the answer in `stopping`.
 *
 * Times are absolute and on disk, so a restart keeps them; what fell due while nothing ran, or while the instance was
 * parked and had no timer, is made up for by one backup. A record that cannot be written stops nothing: the worst
 * after a restart is a backup too many.
 */
import { assign, sendTo, setup } from 'xstate';
import type { BackupTimerContext, BackupTimerInput, BackupTimerRecord } from './backup-timer-steps.js';
import * as steps from './backup-timer-steps.js';
import type { Failure } from './content-types.js';
import { type Done, type Drawn, effect } from './effect.js';
import { failureOf, overdue, timeOf } from './effect-end.js';
import type { InstanceId } from './ids.js';

/** Under this name it lives beside the content of its instance. */
export const BACKUP_TIMER = 'timer:backup';

export type BackupTimerEvent =
  | { readonly type: 'BACKUP_DONE'; readonly at: number; readonly run: number; readonly jitter: number }
  | { readonly type: 'BACKUP_FAILED'; readonly at: number; readonly run: number; readonly failure: Failure }
  | { readonly type: 'STOP'; readonly at: number };

export interface BackupDue {
  readonly type: 'BACKUP_DUE';
  readonly at: number;
  readonly run: number;
}

/** `forced`: the answer of a backup under way did not come in time. */
export interface BackupTimerOutput {
  /** When it ended. */
  readonly at: number;
  readonly how: 'clean' | 'forced';
}

export interface BackupTimerRecordInput {
  readonly instance: InstanceId;
  readonly record: BackupTimerRecord;
}

const timerSetup = setup({
  types: {
    context: {} as BackupTimerContext,
    events: {} as BackupTimerEvent,
    input: {} as BackupTimerInput,
    output: {} as BackupTimerOutput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Drawn, { readonly at: number }>('deadline'),
    writeRecord: effect<Done, BackupTimerRecordInput>('writeRecord'),
  },
  guards: {
    isRecorded: ({ context }) => context.isRecorded,
    isStopping: ({ context }) => context.stopping,
    isThisRun: ({ context, event }) => 'run' in event && event.run === context.run,
  },
  actions: {
    waitForRecord: assign(({ context }) =>
      steps.waiting(context, 'writing the record', context.limits.recordMs),
    ),
    waitForNext: assign(({ context }) => ({ waitingFor: 'the next backup', deadline: context.nextAt })),
    waitForAnswer: assign(({ context }) => steps.waiting(context, 'the backup', context.limits.answerMs)),
    waitForEnd: assign(({ context }) =>
      steps.waiting(context, 'the end of the backup', context.limits.stopMs),
    ),
    keepTime: assign(({ context, event }) => ({ at: timeOf(event, context.at) })),
    keepRecord: assign(({ context, event }) => ({ at: timeOf(event, context.at), isRecorded: true })),
    fail: assign(({ context, event }) => withFailure(failureOf(event, context.at))),
    timeOut: assign(({ context, event }) => withFailure(overdue(event, context))),
    beginRun: assign(({ context, event }) => ({ at: timeOf(event, context.at), run: context.run + 1 })),
    failRun: assign(({ context, event }) => steps.failed(context, failureOf(event, context.at))),
    timeOutRun: assign(({ context, event }) => steps.failed(context, overdue(event, context))),
    stop: assign(({ context, event }) => ({ at: timeOf(event, context.at), stopping: true })),
    force: assign({ how: 'forced' }),
    /** One that runs by itself, as tests and diagrams have it, has no owner and tells nobody. */
    tellOwner: sendTo(
      ({ self }) => self._parent ?? self,
      ({ context }) => due(context),
    ),
  },
});

export const backupTimerMachine = timerSetup.createMachine({
  id: 'backupTimer',
  context: ({ input }) => steps.startingContext(input),
  initial: 'starting',
  states: {
    starting: { always: [{ guard: 'isRecorded', target: 'choosing' }, { target: 'recording' }] },
    choosing: {
      always: [{ guard: 'isStopping', target: 'stopped' }, { target: 'waiting' }],
    },
    recording: {
      tags: 'recording',
      entry: 'waitForRecord',
      on: { STOP: { actions: 'stop' } },
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ instance: context.instance, record: steps.toRecord(context) }),
          onDone: { target: 'choosing', actions: 'keepRecord' },
          onError: { target: 'choosing', actions: 'fail' },
        },
        {
          src: 'deadline',
          input: until,
          onDone: { target: 'choosing', actions: 'timeOut' },
          onError: { target: 'choosing', actions: 'fail' },
        },
      ],
    },
    waiting: {
      entry: 'waitForNext',
      on: { STOP: { target: 'stopped', actions: 'stop' } },
      invoke: {
        src: 'deadline',
        input: until,
        onDone: { target: 'running', actions: ['beginRun', 'tellOwner'] },
        onError: { target: 'recording', actions: 'failRun' },
      },
    },
    running: {
      entry: 'waitForAnswer',
      on: {
        BACKUP_DONE: {
          guard: 'isThisRun',
          target: 'recording',
          actions: assign(({ context, event }) => steps.succeeded(context, event.at, event.jitter)),
        },
        BACKUP_FAILED: {
          guard: 'isThisRun',
          target: 'recording',
          actions: assign(({ context, event }) => steps.failed(context, event.failure)),
        },
        STOP: { target: 'stopping', actions: 'stop' },
      },
      invoke: {
        src: 'deadline',
        input: until,
        onDone: { target: 'recording', actions: 'timeOutRun' },
        onError: { target: 'recording', actions: 'failRun' },
      },
    },
    stopping: {
      entry: 'waitForEnd',
      on: {
        BACKUP_DONE: { guard: 'isThisRun', target: 'stopped', actions: 'keepTime' },
        BACKUP_FAILED: { guard: 'isThisRun', target: 'stopped', actions: 'keepTime' },
      },
      invoke: {
        src: 'deadline',
        input: until,
        onDone: { target: 'stopped', actions: ['timeOut', 'force'] },
        onError: { target: 'stopped', actions: ['fail', 'force'] },
      },
    },
    stopped: { type: 'final' },
  },
  output: ({ context: { at, how } }) => ({ at, how }),
});

function until({ context }: { context: BackupTimerContext }) {
  return { at: context.deadline };
}

function due(context: BackupTimerContext): BackupDue {
  return { type: 'BACKUP_DUE', at: context.at, run: context.run };
}

function withFailure(failure: Failure) {
  return { at: failure.at, failure };
}
