import { assign } from 'xstate';
import { attach } from './content-children.js';
import { contentSetup } from './content-setup.js';
import * as steps from './content-steps.js';
import { deadlineTo } from './content-waits.js';

/**
 * Content in use. One job (backup or snapshot) runs at a time; the others wait in `jobs`, which is on disk
 * before a job begins, so that a promised snapshot is made after a restart too.
 */
export const available = contentSetup.createStateConfig({
  initial: 'idle',
  on: {
    BACKUP: {
      guard: 'hasRoomForJob',
      actions: assign(({ context, event }) =>
        steps.queued(context, { kind: 'backup', ticket: event.ticket }, event.at),
      ),
    },
    SNAPSHOT: {
      guard: 'hasRoomForJob',
      actions: assign(({ context, event }) =>
        steps.queued(context, { kind: 'snapshot', ticket: event.ticket, name: event.name }, event.at),
      ),
    },
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
      entry: 'waitForJob',
      invoke: [
        {
          src: 'runJob',
          input: ({ context }) => ({ context, job: steps.currentJob(context) }),
          onDone: {
            target: 'recordingResult',
            actions: assign(({ context, event }) =>
              steps.jobSucceeded(context, event.output.reference, event.output.at),
            ),
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
