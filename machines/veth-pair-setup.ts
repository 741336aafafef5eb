import { assign, setup } from 'xstate';
import type { AttachmentContext, AttachmentInput, AttachmentOutput, AttachmentStep } from './attachment.js';
import * as steps from './attachment.js';
import { type Done, type Drawn, effect } from './effect.js';
import { failureOf, overdue, timeOf } from './effect-end.js';

/** The privileged steps, in the order they are made. */
export const VETH_STEPS = ['create', 'attach', 'configure', 'raise'] as const;

export type VethStep = (typeof VETH_STEPS)[number];

export interface VethPlan {
  /** Unique within the instance, e.g. `veth:0`. */
  readonly name: string;
  /** Process whose network namespace gets the inner end. */
  readonly pid: number;
}

export interface VethContext extends AttachmentContext {
  readonly plan: VethPlan;
  /** What may exist and has to be undone, oldest first. */
  readonly undo: readonly VethStep[];
}

export interface VethInput extends AttachmentInput {
  readonly plan: VethPlan;
}

export type VethEvent =
  | { readonly type: 'CONNECT'; readonly at: number }
  | { readonly type: 'STOP'; readonly at: number };

export interface VethSurvey extends Done {
  /** The steps of which something is there. */
  readonly found: readonly VethStep[];
}

/** What each step's effect gets: the data as it stands. It reads what it needs and changes nothing. */
export interface VethStepInput {
  readonly context: VethContext;
}

export const vethSetup = setup({
  types: {
    context: {} as VethContext,
    events: {} as VethEvent,
    input: {} as VethInput,
    emitted: {} as { readonly type: 'CONNECTED'; readonly at: number },
    output: {} as AttachmentOutput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Drawn, { readonly at: number }>('deadline'),
    writeRecord: effect<
      Done & { readonly step: AttachmentStep },
      VethStepInput & { readonly step: AttachmentStep }
    >('writeRecord'),
    /** Compares the record with the world. */
    survey: effect<VethSurvey, VethStepInput>('survey'),
    /** Makes one step; making it again where it is made already succeeds. */
    perform: effect<Done, VethStepInput & { readonly step: VethStep }>('perform'),
    /** Undoes one step; succeeds when there is nothing of it. */
    undo: effect<Done, VethStepInput & { readonly step: VethStep | undefined; readonly force: boolean }>(
      'undo',
    ),
  },
  guards: {
    isRecorded: ({ context }) => context.recorded !== undefined,
    isLeaving: ({ context }) => context.leaving,
    isRecordedAttached: ({ context }) => context.recorded === 'attached',
    hasUndo: ({ context }) => context.undo.length > 0,
    hasAttemptLeft: ({ context }) => steps.hasAttemptLeft(context),
  },
  actions: {
    waitForSurvey: assign(({ context }) =>
      steps.waiting(context, 'looking at the world', context.limits.surveyMs),
    ),
    waitForRecord: assign(({ context }) =>
      steps.waiting(context, 'writing the record', context.limits.recordMs),
    ),
    begin: assign(({ context }, { step }: { readonly step: VethStep }) => begun(context, step)),
    waitForUndo: assign(({ context }) =>
      steps.waiting(context, `undoing "${context.undo.at(-1)}"`, context.limits.detachMs),
    ),
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

function begun(context: VethContext, step: VethStep): Partial<VethContext> {
  return {
    ...steps.waiting(context, `the step "${step}"`, context.limits.attachMs),
    undo: [...context.undo, step],
  };
}
