/**
 * One mount of an instance: proc, sysfs, nfs, or the view of the content through which it is backed up.
 *
 * State             What may exist in it                       What leaves it
 * absent            nothing                                    MOUNT → recordingMount; STOP → gone
 * surveying         whatever the record says                   what the world says: mounted, or on its way out
 * recordingMount    nothing but a record on its way to disk    recorded → mounting; not recorded → gone
 * mounting          half a mount                               mounted → recordingMounted; failed → unmounting
 * recordingMounted  a mount nobody was told about              recorded → mounted; not recorded → unmounting
 * mounted           the mount                                  STOP → recordingUnmount
 * recordingUnmount  the mount                                  recorded → unmounting; not recorded → pausing
 * unmounting        what is left of the mount                  gone → recordingAbsent; failed → pausing
 * pausing           what is left of the mount                  time → surveying
 * recordingAbsent   nothing but the record                     → gone
 * gone              nothing; the output says clean or forced   final
 * leaked            what could not be taken away               final
 *
 * STOP while something is being set up takes effect when that step has ended, because a step that was told to
 * stop may still mount; on the way out STOP changes nothing. MOUNT counts in `absent` only: one actor, one
 * mount. Half a mount is undone by the same step that takes a whole one away.
 *
 * After each failed attempt the world is looked at again. The last attempt uses force; when that fails too the
 * mount is `leaked`, and its record stays, so that the next start tries again.
 */
import { assign, emit } from 'xstate';
import * as steps from './attachment.js';
import { type MountContext, mountSetup } from './mount-setup.js';

export const mountMachine = mountSetup.createMachine({
  id: 'mount',
  context: ({ input }) => ({
    ...steps.startingAttachment(input),
    plan: input.plan,
  }),
  initial: 'starting',
  on: { STOP: { actions: 'leave' } },
  states: {
    starting: { always: [{ guard: 'isRecorded', target: 'surveying' }, { target: 'absent' }] },
    absent: {
      on: {
        MOUNT: { target: 'recordingMount', actions: 'keepTime' },
        STOP: { target: 'gone', actions: 'leave' },
      },
    },
    surveying: {
      entry: 'waitForSurvey',
      invoke: [
        {
          src: 'survey',
          input: withContext,
          onDone: [
            {
              guard: ({ context, event }) => event.output.found === 'nothing' && steps.isWanted(context),
              target: 'recordingAbsent',
              actions: assign(({ event }) => steps.missing(event.output.at)),
            },
            {
              guard: ({ event }) => event.output.found === 'nothing',
              target: 'recordingAbsent',
              actions: 'keepTime',
            },
            {
              guard: ({ context, event }) => event.output.found === 'whole' && steps.isWanted(context),
              target: 'mounted',
              actions: 'keepTime',
            },
            { guard: 'isRecordedAttached', target: 'recordingUnmount', actions: 'keepTime' },
            { target: 'unmounting', actions: 'keepTime' },
          ],
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    recordingMount: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'attaching' as const }),
          onDone: [
            { guard: 'isLeaving', target: 'recordingAbsent', actions: 'keepRecord' },
            { target: 'mounting', actions: 'keepRecord' },
          ],
          onError: { target: 'gone', actions: 'fail' },
        },
        deadlineTo('gone', 'timeOut', 'fail'),
      ],
    },
    mounting: {
      entry: 'waitForMount',
      invoke: [
        {
          src: 'mount',
          input: withContext,
          onDone: [
            { guard: 'isLeaving', target: 'unmounting', actions: 'keepTime' },
            { target: 'recordingMounted', actions: 'keepTime' },
          ],
          onError: { target: 'unmounting', actions: 'fail' },
        },
        deadlineTo('unmounting', 'timeOut', 'fail'),
      ],
    },
    recordingMounted: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'attached' as const }),
          onDone: [
            { guard: 'isLeaving', target: 'recordingUnmount', actions: 'keepRecord' },
            {
              target: 'mounted',
              actions: ['keepRecord', emit(({ context }) => ({ type: 'MOUNTED' as const, at: context.at }))],
            },
          ],
          onError: { target: 'unmounting', actions: 'fail' },
        },
        deadlineTo('unmounting', 'timeOut', 'fail'),
      ],
    },
    mounted: { on: { STOP: { target: 'recordingUnmount', actions: 'leave' } } },
    recordingUnmount: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'detaching' as const }),
          onDone: { target: 'unmounting', actions: 'keepRecord' },
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    unmounting: {
      entry: 'waitForUnmount',
      invoke: [
        {
          src: 'unmount',
          input: ({ context }) => ({ context, force: steps.usesForce(context) }),
          onDone: {
            target: 'recordingAbsent',
            actions: assign(({ context, event }) => steps.removed(context, event.output.at)),
          },
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    weighing: { always: [{ guard: 'hasAttemptLeft', target: 'pausing' }, { target: 'leaked' }] },
    pausing: {
      entry: 'pause',
      invoke: deadlineTo('surveying', 'keepTime', 'fail'),
    },
    /** A record that stays behind does no harm: the next start finds nothing of the mount. */
    recordingAbsent: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'absent' as const }),
          onDone: { target: 'gone', actions: 'keepRecord' },
          onError: { target: 'gone', actions: 'fail' },
        },
        deadlineTo('gone', 'timeOut', 'fail'),
      ],
    },
    gone: { type: 'final' },
    leaked: { entry: 'leak', type: 'final' },
  },
  output: ({ context }) => steps.outputOf(context),
});

/** The way out of a wait: every state that waits invokes this beside its effect. */
function deadlineTo<Target extends string, Overdue extends string, Failed extends string>(
  target: Target,
  overdueAction: Overdue,
  failedAction: Failed,
) {
  return {
    src: 'deadline',
    input: ({ context }: { context: MountContext }) => ({ at: context.deadline }),
    onDone: { target, actions: overdueAction },
    onError: { target, actions: failedAction },
  } as const;
}

function withContext({ context }: { context: MountContext }) {
  return { context };
}
