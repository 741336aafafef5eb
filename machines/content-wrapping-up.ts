import { assign } from 'xstate';
import { dropEndedAttachment, stopNextAttachment } from './content-children.js';
import { lastWork } from './content-last-work.js';
import { contentSetup } from './content-setup.js';
import * as steps from './content-steps.js';
import { deadlineTo, withContext } from './content-waits.js';

/**
 * Content on its way out. Each step is safe to repeat, so a pause after a failure and a restart both go on from
 * the start of this sequence; what is already recorded as done is passed over.
 */
export const wrappingUp = contentSetup.createStateConfig({
  initial: 'recordingWrapUp',
  entry: ['startWrappingUp', 'tellTimerRefused', 'refuseBackups'],
  on: {
    DISPOSE: {
      actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
    },
    BACKUP: { guard: 'acceptsShrink', actions: 'acceptShrink' },
  },
  states: {
    ...lastWork,
    recordingWrapUp: {
      tags: 'recording',
      entry: ['startAttempts', 'waitForRecord'],
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'wrapping-up' as const }),
          onDone: { target: 'preparing', actions: 'keepRecord' },
          onError: { target: 'retrying', actions: 'fail' },
        },
        deadlineTo('retrying', 'timeOut'),
      ],
    },
    /** What is left to do before the content is quiet; nothing when it is safe already. */
    preparing: {
      always: [
        { guard: 'isBackedUp', target: 'disconnecting' },
        { guard: 'isTimerOn', target: 'stoppingTimer' },
        { guard: 'needsPreStop', target: 'runningPreStop' },
        { target: 'quiescing' },
      ],
    },
    /** Work that will not end was killed and reported by the effect; it must not keep the content from being saved. */
    quiescing: {
      entry: 'waitForQuiet',
      invoke: [
        {
          src: 'quiesce',
          input: withContext,
          onDone: {
            target: 'gathering',
            actions: assign(({ event }) => steps.quiet(event.output.git, event.output.at)),
          },
          onError: { target: 'gathering', actions: 'fail' },
        },
        deadlineTo('gathering', 'timeOut'),
      ],
    },
    /** What was promised of the content besides its backup. */
    gathering: {
      always: [
        { guard: 'needsLogs', target: 'uploadingLogs' },
        { guard: 'hasJob', target: 'makingSnapshot' },
        { target: 'disconnecting' },
      ],
    },
    /** Attachments go one by one; what is recorded as done is passed over. */
    disconnecting: {
      always: [
        { guard: 'hasAttachment', target: 'detaching' },
        { guard: 'recordedRemoving', target: 'removing' },
        { guard: 'isBackedUp', target: 'recordingRemoval' },
        { guard: 'wantsBackup', target: 'backingUp' },
        { guard: 'mayDiscard', target: 'recordingRemoval' },
        { target: '#content.failed' },
      ],
    },
    /** The next one was told to stop. It ends clean, by force or leaking; not in time, it is left behind. */
    detaching: {
      entry: [stopNextAttachment, 'waitForDetach'],
      on: {
        'xstate.done.actor.*': {
          guard: 'isEndOfLeaving',
          target: 'disconnecting',
          actions: dropEndedAttachment,
        },
        'xstate.error.actor.*': {
          guard: 'isEndOfLeaving',
          target: 'disconnecting',
          actions: dropEndedAttachment,
        },
      },
      invoke: {
        src: 'deadline',
        input: ({ context }) => ({ at: context.deadline }),
        onDone: { target: 'disconnecting', actions: ['stopLeaving', 'leaveBehind'] },
        onError: { target: 'disconnecting', actions: ['stopLeaving', 'leaveBehind'] },
      },
    },
    backingUp: {
      entry: 'waitForBackup',
      invoke: [
        {
          src: 'finalBackup',
          input: withContext,
          onDone: {
            target: 'verifying',
            actions: assign(({ event }) => steps.backedUp(event.output.reference, event.output.at)),
          },
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    verifying: {
      entry: 'waitForVerify',
      invoke: [
        {
          src: 'verifyBackup',
          input: withContext,
          onDone: {
            target: 'recordingRemoval',
            actions: assign(({ context, event }) => steps.verifiedFinal(context, event.output.at)),
          },
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    /** A failed attempt is followed by another one while there are any left, and else by a long wait. */
    weighing: {
      always: [{ guard: 'hasAttemptLeft', target: 'pausing' }, { target: 'recordingStranded' }],
    },
    pausing: {
      entry: 'pauseAttempts',
      invoke: deadlineTo('backingUp', 'keepTime'),
    },
    /** One record says both: that the final backup is verified, and that the content may go for it. */
    recordingRemoval: {
      tags: 'recording',
      entry: 'waitForRecord',
      on: { DISPOSE: {} },
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'removing' as const }),
          onDone: { target: 'removing', actions: 'keepRecord' },
          onError: { target: 'retrying', actions: 'fail' },
        },
        deadlineTo('retrying', 'timeOut'),
      ],
    },
    removing: {
      entry: 'waitForRemove',
      on: { DISPOSE: {} },
      invoke: [
        {
          src: 'remove',
          input: withContext,
          onDone: { target: 'recordingGone', actions: 'keepTime' },
          onError: { target: 'retryingRemoval', actions: 'fail' },
        },
        deadlineTo('retryingRemoval', 'timeOut'),
      ],
    },
    recordingGone: {
      tags: 'recording',
      entry: 'waitForRecord',
      on: { DISPOSE: {} },
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'gone' as const }),
          onDone: { target: '#content.gone', actions: 'keepRecord' },
          onError: { target: 'retryingRemoval', actions: 'fail' },
        },
        deadlineTo('retryingRemoval', 'timeOut'),
      ],
    },
    /** The content is at risk and stays; everyone is told so, and attempts go on with growing pauses. */
    recordingStranded: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'wrapping-up' as const }),
          onDone: { target: 'stranded', actions: 'keepRecord' },
          onError: { target: 'stranded' },
        },
        deadlineTo('stranded', 'keepTime'),
      ],
    },
    stranded: {
      entry: 'pauseStranded',
      on: {
        DISPOSE: [
          {
            guard: ({ event }) => !event.disposal.backup,
            target: 'recordingRemoval',
            actions: assign(({ event }) => steps.givenUp(event.disposal, event.at)),
          },
          {
            target: 'recordingWrapUp',
            actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
          },
        ],
        BACKUP: [
          { guard: 'acceptsShrink', target: 'recordingWrapUp', actions: 'acceptShrink' },
          { target: 'recordingWrapUp', actions: 'keepTime' },
        ],
        RETRY: { target: 'recordingWrapUp', actions: 'keepTime' },
      },
      invoke: deadlineTo('recordingWrapUp', 'keepTime'),
    },
    /** A record could not be written; nothing was removed. */
    retrying: {
      entry: 'pauseRecord',
      on: {
        DISPOSE: {
          target: 'recordingWrapUp',
          actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
        },
        RETRY: { target: 'recordingWrapUp', actions: 'keepTime' },
      },
      invoke: deadlineTo('recordingWrapUp', 'keepTime'),
    },
    /** The content is safe or given up, and could not be removed wholly, or not recorded as removed. */
    retryingRemoval: {
      entry: 'pauseRemoval',
      on: {
        DISPOSE: { target: 'removing', actions: 'keepTime' },
        RETRY: { target: 'removing', actions: 'keepTime' },
      },
      invoke: deadlineTo('removing', 'keepTime'),
    },
  },
});
