/**
 * The pair of virtual network interfaces that connects an instance's network with the node's.
 *
 * State              What may exist in it                        What leaves it
 * absent             nothing                                     CONNECT → recordingPair; STOP → gone
 * surveying          whatever the record says                    what the world says: up, or on its way out
 * recordingPair      nothing but a record on its way to disk     recorded → creating; not recorded → gone
 * creating           the pair, or half of it                     created → attaching
 * attaching          the pair, its peer maybe moved inside       attached → configuring
 * configuring        the same, with some addresses and routes    configured → raising
 * raising            the same, some ends up                      up → recordingUp
 * recordingUp        a working pair nobody was told about        recorded → up; not recorded → undoing
 * up                 a working pair                              STOP → recordingRemoval
 * recordingRemoval   a working pair                              recorded → undoing; not recorded → pausing
 * undoing            what the undo stack lists                   each undo pops one; empty → recordingAbsent
 * pausing            what the undo stack lists, or less          time → surveying
 * recordingAbsent    nothing but the record                      → gone
 * gone               nothing; the output says clean or forced    final
 * leaked             what could not be taken away                final
 *
 * A step is on the undo stack from its beginning, because half of it may be there when it fails, and the stack
 * is undone newest first: a failure in any of the four steps leads to `undoing`. STOP while a step runs takes
 * effect when that step has ended; on the way out it changes nothing. CONNECT counts in `absent` only.
 *
 * After each failed attempt the world is looked at again, and what is found becomes the stack. The last attempt
 * uses force; when that fails too the pair is `leaked`, and its record stays, so that the next start tries again.
 */
import { assign, emit } from 'xstate';
import * as steps from './attachment.js';
import {
  VETH_STEPS,
  type VethContext,
  type VethStep,
  type VethSurvey,
  vethSetup,
} from './veth-pair-setup.js';

export const vethMachine = vethSetup.createMachine({
  id: 'veth',
  context: ({ input }) => ({
    ...steps.startingAttachment(input),
    plan: input.plan,
    undo: [],
  }),
  initial: 'starting',
  on: { STOP: { actions: 'leave' } },
  states: {
    starting: { always: [{ guard: 'isRecorded', target: 'surveying' }, { target: 'absent' }] },
    absent: {
      on: {
        CONNECT: { target: 'recordingPair', actions: 'keepTime' },
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
              guard: ({ context, event }) => event.output.found.length === 0 && steps.isWanted(context),
              target: 'recordingAbsent',
              actions: assign(({ event }) => ({ ...steps.missing(event.output.at), undo: [] })),
            },
            {
              guard: ({ context, event }) => isWhole(event.output.found) && steps.isWanted(context),
              target: 'up',
              actions: assign(({ event }) => found(event.output)),
            },
            {
              guard: 'isRecordedAttached',
              target: 'recordingRemoval',
              actions: assign(({ event }) => found(event.output)),
            },
            { target: 'unwinding', actions: assign(({ event }) => found(event.output)) },
          ],
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    recordingPair: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'attaching' as const }),
          onDone: [
            { guard: 'isLeaving', target: 'recordingAbsent', actions: 'keepRecord' },
            { target: 'creating', actions: 'keepRecord' },
          ],
          onError: { target: 'gone', actions: 'fail' },
        },
        deadlineTo('gone', 'timeOut', 'fail'),
      ],
    },
    creating: making('create', 'attaching'),
    attaching: making('attach', 'configuring'),
    configuring: making('configure', 'raising'),
    raising: making('raise', 'recordingUp'),
    recordingUp: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'attached' as const }),
          onDone: [
            { guard: 'isLeaving', target: 'recordingRemoval', actions: 'keepRecord' },
            {
              target: 'up',
              actions: [
                'keepRecord',
                emit(({ context }) => ({ type: 'CONNECTED' as const, at: context.at })),
              ],
            },
          ],
          onError: { target: 'unwinding', actions: 'fail' },
        },
        deadlineTo('unwinding', 'timeOut', 'fail'),
      ],
    },
    up: { on: { STOP: { target: 'recordingRemoval', actions: 'leave' } } },
    recordingRemoval: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'detaching' as const }),
          onDone: { target: 'unwinding', actions: 'keepRecord' },
          onError: { target: 'weighing', actions: 'failAttempt' },
        },
        deadlineTo('weighing', 'timeOutAttempt', 'failAttempt'),
      ],
    },
    unwinding: { always: [{ guard: 'hasUndo', target: 'undoing' }, { target: 'recordingAbsent' }] },
    undoing: {
      entry: 'waitForUndo',
      invoke: [
        {
          src: 'undo',
          input: ({ context }) => ({
            context,
            step: context.undo.at(-1),
            force: steps.usesForce(context),
          }),
          onDone: {
            target: 'unwinding',
            actions: assign(({ context, event }) => ({
              ...steps.removed(context, event.output.at),
              undo: context.undo.slice(0, -1),
            })),
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
    /** A record that stays behind does no harm: the next start finds nothing of the pair. */
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

/** One privileged step: onto the undo stack first, then made; what fails half way is undone with the rest. */
function making(step: VethStep, next: string) {
  return vethSetup.createStateConfig({
    entry: { type: 'begin', params: { step } },
    invoke: [
      {
        src: 'perform',
        input: ({ context }) => ({ context, step }),
        onDone: [
          { guard: 'isLeaving', target: 'unwinding', actions: 'keepTime' },
          { target: next, actions: 'keepTime' },
        ],
        onError: { target: 'unwinding', actions: 'fail' },
      },
      deadlineTo('unwinding', 'timeOut', 'fail'),
    ],
  });
}

/** What was found is what there is to undo, in the order it was made. */
function found(survey: VethSurvey): Partial<VethContext> {
  return { at: survey.at, undo: VETH_STEPS.filter((step) => survey.found.includes(step)) };
}

function isWhole(steps: readonly VethStep[]): boolean {
  return VETH_STEPS.every((step) => steps.includes(step));
}

/** The way out of a wait: every state that waits invokes this beside its effect. */
function deadlineTo<Target extends string, Overdue extends string, Failed extends string>(
  target: Target,
  overdueAction: Overdue,
  failedAction: Failed,
) {
  return {
    src: 'deadline',
    input: ({ context }: { context: VethContext }) => ({ at: context.deadline }),
    onDone: { target, actions: overdueAction },
    onError: { target, actions: failedAction },
  } as const;
}

function withContext({ context }: { context: VethContext }) {
  return { context };
}
