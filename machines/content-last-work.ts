import { assign } from 'xstate';
import * as jobs from './content-jobs.js';
import { contentSetup } from './content-setup.js';
import * as steps from './content-steps.js';
import { dropTimer } from './content-timer.js';
import { deadlineTo, withContext } from './content-waits.js';

const PREPARING = '#content.wrappingUp.preparing';
const PRE_STOP = '#content.wrappingUp.runningPreStop';
const GATHERING = '#content.wrappingUp.gathering';

/**
 * The timer was told to stop; the backup it waited for was refused. Only content that was in use until now has one, so
 * its pre-stop program has not run.
 */
const stoppingTimer = contentSetup.createStateConfig({
  entry: ['waitForTimer', 'stopTimer'],
  on: {
    'xstate.done.actor.*': { guard: 'isEndOfTimer', target: PRE_STOP, actions: dropTimer },
    'xstate.error.actor.*': { guard: 'isEndOfTimer', target: PRE_STOP, actions: dropTimer },
  },
  invoke: {
    src: 'deadline',
    input: ({ context }) => ({ at: context.deadline }),
    onDone: { target: PRE_STOP, actions: ['endTimer', 'leaveTimer'] },
    onError: { target: PRE_STOP, actions: ['endTimer', 'leaveTimer'] },
  },
});

const runningPreStop = contentSetup.createStateConfig({
  entry: 'waitForPreStop',
  invoke: [
    {
      src: 'runPreStop',
      input: withContext,
      onDone: [
        {
          guard: ({ event }) => event.output.report.outcome === 'absent',
          target: PREPARING,
          actions: assign(({ event }) => steps.preStopDone(event.output.report, event.output.at)),
        },
        {
          target: 'recordingPreStop',
          actions: assign(({ event }) => steps.preStopDone(event.output.report, event.output.at)),
        },
      ],
      onError: { target: 'recordingPreStop', actions: 'failPreStop' },
    },
    deadlineTo('recordingPreStop', 'timeOutPreStop', 'failPreStop'),
  ],
});

const uploadingLogs = contentSetup.createStateConfig({
  entry: 'waitForLogs',
  invoke: [
    {
      src: 'uploadLogs',
      input: withContext,
      onDone: {
        target: 'recordingLogs',
        actions: assign(({ event }) => steps.logsUploaded(event.output.at)),
      },
      onError: { target: 'recordingLogs', actions: 'failLogs' },
    },
    deadlineTo('recordingLogs', 'timeOutLogs', 'failLogs'),
  ],
});

/** Promised by name before the wrap-up began: it is made, or it is on disk why it cannot be. */
const makingSnapshot = contentSetup.createStateConfig({
  entry: ['waitForJob', 'beginJob'],
  invoke: [
    {
      src: 'runJob',
      input: ({ context }) => ({ context, job: jobs.current(context) }),
      onDone: {
        target: 'recordingSnapshot',
        actions: assign(({ context, event }) =>
          jobs.succeeded(context, event.output.reference, event.output.at),
        ),
      },
      onError: { target: 'recordingSnapshot', actions: 'failJob' },
    },
    deadlineTo('recordingSnapshot', 'timeOutJob', 'failJob'),
  ],
});

/** Done is done, and a restart passes it over; but nothing of it may keep the content from being saved. */
function recordingThen<Target extends string>(target: Target) {
  return contentSetup.createStateConfig({
    tags: 'recording',
    entry: 'waitForRecord',
    invoke: [
      {
        src: 'writeRecord',
        input: ({ context }) => ({ context, step: 'wrapping-up' as const }),
        onDone: { target, actions: 'keepRecord' },
        onError: { target, actions: 'fail' },
      },
      deadlineTo(target, 'timeOut'),
    ],
  });
}

/** The work over the content that comes before its final backup; each kind is done once, however it ends. */
export const lastWork = {
  stoppingTimer,
  runningPreStop,
  recordingPreStop: recordingThen(PREPARING),
  uploadingLogs,
  recordingLogs: recordingThen(GATHERING),
  makingSnapshot,
  recordingSnapshot: recordingThen(GATHERING),
};
