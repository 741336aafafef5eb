import { assign } from 'xstate';
import { attach } from './content-children.js';
import * as jobs from './content-jobs.js';
import { contentSetup } from './content-setup.js';
import * as steps from './content-steps.js';
import { startTimer } from './content-timer.js';
import { deadlineTo } from './content-waits.js';

/**
 * Content in use, with its backup timer beside it. One job (backup or snapshot) runs at a time; the others wait in
 * `jobs`, which is on disk before a job begins, so that a promised snapshot is made after a restart too.
 */
export const available = contentSetup.createStateConfig({
  initial: 'idle',
  entry: startTimer,
  on: {
    BACKUP: {
      guard: 'hasRoomForJob',
      actions: assign(({ context, event }) =>
        jobs.requested(context, { ticket: event.ticket, acceptShrink: event.acceptShrink }, event.at),
      ),
    },
    SNAPSHOT: {
      guard: 'hasRoomForJob',
      actions: assign(({ context, event }) => jobs.promised(context, event.name, event.ticket, event.at)),
    },
    BACKUP_DUE: { actions: assign(({ context, event }) => jobs.due(context, event.run, event.at)) },
    ATTACH: { guard: 'canAttach', actions: attach },
    DISPOSE: {
      target: '#content.wrappingUp',
      actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
    },
  },
  states: {
    idle: { always: { guard: 'hasJob', target: 'recordingJob' } },
    recordingJob: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'available' as const }),
          onDone: { target: 'working', actions: 'keepRecord' },
          onError: { target: 'idle', actions: 'failJob' },
        },
        deadlineTo('idle', 'timeOutJob', 'failJob'),
      ],
    },
    working: {
      entry: ['waitForJob', 'beginJob'],
      invoke: [
        {
          src: 'runJob',
          input: ({ context }) => ({ context, job: jobs.current(context) }),
          onDone: {
            target: 'recordingResult',
            actions: [
              'tellTimerDone',
              assign(({ context, event }) =>
                jobs.succeeded(context, event.output.reference, event.output.at),
              ),
            ],
          },
          onError: { target: 'recordingResult', actions: 'failJob' },
        },
        deadlineTo('recordingResult', 'timeOutJob', 'failJob'),
      ],
    },
    /** The archive is committed in the storage by now; a record that cannot be written does not undo that. */
    recordingResult: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'available' as const }),
          onDone: { target: 'idle', actions: 'keepRecord' },
          onError: { target: 'idle', actions: 'fail' },
        },
        deadlineTo('idle', 'timeOut'),
      ],
    },
  },
});
