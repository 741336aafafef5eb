import { assign, setup } from 'xstate';
import type { AttachmentContext, AttachmentInput, AttachmentOutput, AttachmentStep } from './attachment.js';
import * as steps from './attachment.js';
import { type Done, type Drawn, effect } from './effect.js';
import { failureOf, overdue, timeOf } from './effect-end.js';

export interface MountPlan {
  /** Unique within the instance, e.g. `proc:/proc`. */
  readonly name: string;
  readonly type: 'proc' | 'sysfs' | 'nfs' | 'content';
  /** Where it appears; for what is inside the workspace, a path there. */
  readonly target: string;
  /** What is mounted, for nfs and content. */
  readonly source?: string;
  readonly options?: string;
}

export interface MountContext extends AttachmentContext {
  readonly plan: MountPlan;
}

export interface MountInput extends AttachmentInput {
  readonly plan: MountPlan;
}

export type MountEvent =
  | { readonly type: 'MOUNT'; readonly at: number }
  | { readonly type: 'STOP'; readonly at: number };

/** `partial`: some of the steps of mounting have left something, or the mount is not where it belongs. */
export interface MountSurvey extends Done {
  readonly found: 'whole' | 'partial' | 'nothing';
}

/** What each step's effect gets: the data as it stands. It reads what it needs and changes nothing. */
export interface MountStepInput {
  readonly context: MountContext;
}

export const mountSetup = setup({
  types: {
    context: {} as MountContext,
    events: {} as MountEvent,
    input: {} as MountInput,
    emitted: {} as { readonly type: 'MOUNTED'; readonly at: number },
    output: {} as AttachmentOutput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Drawn, { readonly at: number }>('deadline'),
    writeRecord: effect<
      Done & { readonly step: AttachmentStep },
      MountStepInput & { readonly step: AttachmentStep }
    >('writeRecord'),
    /** Compares the record with the world. */
    survey: effect<MountSurvey, MountStepInput>('survey'),
    mount: effect<Done, MountStepInput>('mount'),
    /** Takes away whatever there is of the mount; succeeds when there is nothing. */
    unmount: effect<Done, MountStepInput & { readonly force: boolean }>('unmount'),
  },
  guards: {
    isRecorded: ({ context }) => context.recorded !== undefined,
    isLeaving: ({ context }) => context.leaving,
    isRecordedAttached: ({ context }) => context.recorded === 'attached',
    hasAttemptLeft: ({ context }) => steps.hasAttemptLeft(context),
  },
  actions: {
    waitForSurvey: assign(({ context }) =>
      steps.waiting(context, 'looking at the world', context.limits.surveyMs),
    ),
    waitForRecord: assign(({ context }) =>
      steps.waiting(context, 'writing the record', context.limits.recordMs),
    ),
    waitForMount: assign(({ context }) => steps.waiting(context, 'mounting', context.limits.attachMs)),
    waitForUnmount: assign(({ context }) => steps.waiting(context, 'unmounting', context.limits.detachMs)),
    pause: assign(({ context }) => steps.pausing(context)),
    leave: assign(({ context, event }) => ({ at: timeOf(event, context.at), leaving: true })),
    keepTime: assign(({ context, event }) => ({ at: timeOf(event, context.at) })),
    keepRecord: assign(({ context, event }) => steps.recordKept(context, event)),
    fail: assign(({ context, event }) => steps.failed(context, failureOf(event, context.at))),
    timeOut: assign(({ context, event }) => steps.failed(context, overdue(event, context))),
    failAttempt: assign(({ context, event }) => steps.attemptFailed(context, failureOf(event, context.at))),
    timeOutAttempt: assign(({ context, event }) => steps.attemptFailed(context, overdue(event, context))),
    leak: assign({ how: 'leaked' }),
  },
});
