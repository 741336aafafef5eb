/** What the relations of mounts and veth pairs share; written by hand, like them. */
import type { AttachmentContext, AttachmentLimits, AttachmentStep } from '../../../machines/attachment.js';
import { type Happening, type Outcome, overdue, type Running, type StateRule } from '../harness/spec.js';
import { identity } from './content-data.js';

export const limits: AttachmentLimits = {
  recordMs: 5_000,
  surveyMs: 6_000,
  attachMs: 7_000,
  detachMs: 8_000,
  attemptsMax: 3,
  pauseMinMs: 1_000,
  pauseMaxMs: 2_000,
};

/** The whole of the pause after the first, second and third failure. */
const PAUSES = [1_000, 2_000, 2_000];

export const { instance } = identity();

export function beginning(at: number, recorded?: AttachmentStep): AttachmentContext {
  return {
    instance,
    limits,
    recorded,
    at,
    deadline: at,
    waitingFor: '',
    leaving: false,
    attempt: 0,
    how: 'clean',
    failure: undefined,
  };
}

type Rule = (context: AttachmentContext, one: Happening) => Outcome<AttachmentContext>;

/** A failure on the way, of which the first is the cause. */
export function failing(to: string): Rule {
  return (context, { failure }) => ({ to, change: { at: failure.at, failure: context.failure ?? failure } });
}

export function late(to: string): Rule {
  return (context, one) => ({
    to,
    change: { at: one.at, failure: context.failure ?? overdue(context, one) },
  });
}

/** A failed attempt: another one after a pause while there are any left. */
export const attemptFailed: Rule = (context, { failure }) =>
  weigh(context, { at: failure.at, failure, attempt: context.attempt + 1 });

export const attemptLate: Rule = (context, one) =>
  weigh(context, { at: one.at, failure: overdue(context, one), attempt: context.attempt + 1 });

/** STOP is remembered until the step under way has ended. */
export const stop: Rule = (_, { at }) => ({ change: { at, leaving: true } });

export function goes(to: string, change: Partial<AttachmentContext> = {}): Rule {
  return (_, { at }) => ({ to, change: { at, ...change } });
}

function weigh(context: AttachmentContext, change: Partial<AttachmentContext>): Outcome<AttachmentContext> {
  const attempts = change.attempt ?? context.attempt;
  return attempts < 3 ? { to: 'pausing', change } : { to: 'leaked', change: { ...change, how: 'leaked' } };
}

export function deadline(context: AttachmentContext): Running {
  return { effect: 'deadline', input: { at: context.deadline } };
}

/** What a state that waits does on entering. */
export function waits(waitingFor: string, milliseconds: number) {
  return ({ at }: AttachmentContext) => ({ waitingFor, deadline: at + milliseconds });
}

/** A state that writes the record. */
export function recording(
  step: AttachmentStep,
  on: { readonly done: Rule; readonly failed: Rule; readonly late: Rule },
): StateRule<AttachmentContext> {
  return {
    enters: waits('writing the record', 5_000),
    runs: (context) => [{ effect: 'writeRecord', input: { context, step } }, deadline(context)],
    on: {
      'writeRecord.done': on.done,
      'writeRecord.failed': on.failed,
      'deadline.failed': on.failed,
      'deadline.done': on.late,
      STOP: stop,
    },
  };
}

/** An attempt to take it away, or to see what is there. */
export const attempts = {
  'deadline.done': attemptLate,
  'deadline.failed': attemptFailed,
  STOP: stop,
};

/** The way both end. */
export const ending: Record<string, StateRule<AttachmentContext>> = {
  pausing: {
    enters: ({ at, attempt, failure }) => {
      const pause = PAUSES[attempt - 1] ?? 0;
      return {
        waitingFor: 'the next attempt',
        deadline: at + pause / 2 + (pause / 2) * (failure?.jitter ?? 0),
      };
    },
    runs: (context) => [deadline(context)],
    on: { 'deadline.done': goes('surveying'), 'deadline.failed': failing('surveying'), STOP: stop },
  },
  recordingAbsent: recording('absent', {
    done: goes('gone', { recorded: 'absent' }),
    failed: failing('gone'),
    late: late('gone'),
  }),
  gone: { final: true, on: {} },
  leaked: { final: true, on: {} },
};

export function missing(at: number): Partial<AttachmentContext> {
  const message = 'it was gone after a restart';
  return { at, failure: { at, code: 'attachment-missing', message, retryable: false, jitter: 0 } };
}

export function keyOf({
  recorded,
  leaving,
  attempt,
  how,
  failure,
  waitingFor,
}: AttachmentContext): unknown[] {
  return [recorded, leaving, attempt, how, failure?.code, waitingFor];
}

export function event(type: string, at: number) {
  return { type, at };
}

/** The answer of a write: the step that is on disk now. */
export function written(at: number, input: unknown) {
  return { at, step: new Map(Object.entries(input ?? {})).get('step') };
}

/** What is told of it in the end. */
export function output(_: string, { at, how, failure }: AttachmentContext) {
  return { at, how, failure };
}
