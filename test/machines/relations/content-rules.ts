/** What the rules of the content machine's relation are made of; written by hand, like them. */
import type { ContentContext, Disposal } from '../../../machines/content-types.js';
import { type Happening, type Outcome, overdue, type Running, type StateRule } from '../harness/spec.js';
import * as data from './content-data.js';

export type Context = ContentContext;
export type Change = Partial<Context>;
export type Rule = (context: Context, happening: Happening) => Outcome<Context> | undefined;

/** Goes to a state, keeping the time. */
export const to =
  (state: string): Rule =>
  (_, { at }) => ({ to: state, change: { at } });

export const failing =
  (state: string): Rule =>
  (_, { failure }) => ({ to: state, change: { at: failure.at, failure } });

export const late =
  (state: string): Rule =>
  (context, one) => ({ to: state, change: { at: one.at, failure: overdue(context, one) } });

/** WRAPPING_UP begins, or goes on. */
export function wrapUp(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  const isUnderWay = next.recorded === 'wrapping-up' || next.recorded === 'removing';
  const since = isUnderWay ? next.since : next.at;
  return { to: 'wrappingUp.recordingWrapUp', change: { ...change, since } };
}

export const giveUpSetup: Rule = (context, { failure }) =>
  wrapUp(context, { at: failure.at, failure, setup: undefined });
export const giveUpLateSetup: Rule = (context, one) =>
  wrapUp(context, { at: one.at, failure: overdue(context, one), setup: undefined });

/** The first Dispose decides, later ones may only add to it. */
export function joined({ disposal }: Pick<Context, 'disposal'>, next: Disposal): Disposal {
  if (disposal === undefined) return next;
  return {
    backup: disposal.backup || next.backup,
    backupLogs: disposal.backupLogs || next.backupLogs,
    reason: disposal.reason,
  };
}

/** Both kinds of Dispose. */
export function disposed(
  rule: (context: Context, at: number, disposal: Disposal) => Outcome<Context>,
): Record<string, Rule> {
  return {
    'DISPOSE backup': (context, { at }) => rule(context, at, data.saving),
    'DISPOSE discard': (context, { at }) => rule(context, at, data.discarding),
  };
}

/** In WRAPPING_UP, until removal is recorded. */
export const joins = disposed((context, at, next) => ({ change: { at, disposal: joined(context, next) } }));

/** While the content is being set up: what there is of it is thrown away. */
export const abandons = disposed((context, at, next) =>
  wrapUp(context, { at, disposal: joined(context, next), setup: undefined }),
);

/** Once it is complete, it is not. */
export const leaves = disposed((context, at, next) =>
  wrapUp(context, { at, disposal: joined(context, next) }),
);

/** A state that waits for one effect. */
export function waiting(
  effect: string,
  options: {
    readonly says: string;
    readonly milliseconds: number;
    readonly on: Record<string, Rule>;
    readonly failed: Rule;
    readonly late: Rule;
    /** What a broken deadline leads to, where that is not what a failed effect leads to. */
    readonly broken?: Rule;
    readonly enters?: (context: Context) => Change;
    readonly input?: (context: Context) => object;
  },
): StateRule<Context> {
  const { says, milliseconds, on, failed, enters, input } = options;
  return {
    enters: (context) => ({ ...enters?.(context), waitingFor: says, deadline: context.at + milliseconds }),
    runs: (context) => [{ effect, input: { context, ...input?.(context) } }, deadline(context)],
    on: {
      [`${effect}.failed`]: failed,
      'deadline.done': options.late,
      'deadline.failed': options.broken ?? failed,
      ...on,
    },
  };
}

export function recording(
  step: string,
  options: Omit<Parameters<typeof waiting>[1], 'says' | 'milliseconds'>,
): StateRule<Context> {
  return waiting('writeRecord', {
    ...options,
    says: 'writing the record',
    milliseconds: 1_100,
    input: (context) => ({ ...options.input?.(context), step }),
  });
}

export function deadline(context: Context): Running {
  return { effect: 'deadline', input: { at: context.deadline } };
}

/** Where content in use is, by whether anybody waits for a job. */
export function atRest(context: Context, change: Change): Outcome<Context> {
  const { jobs } = { ...context, ...change };
  return { to: jobs.length > 0 ? 'available.recordingJob' : 'available.idle', change };
}
