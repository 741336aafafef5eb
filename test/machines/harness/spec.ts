import type { AnyStateMachine, EventObject } from 'xstate';
import type { Failure } from '../../../machines/content-types.js';

/** One thing that can happen to a machine: an event of its own, or the end of an effect it runs. */
export interface Happening {
  /** `STOP`, `DISPOSE discard`, `mount.done`, `survey.done whole`, `mount.failed`, `deadline.done`, … */
  readonly name: string;
  readonly at: number;
  readonly event: EventObject;
  /** What the machine has to make of a failed effect. */
  readonly failure: Failure;
}

/** What has to come of it; without `to` the machine stays where it is and starts nothing again. */
export interface Outcome<Context> {
  readonly to?: string;
  readonly change: Partial<Context>;
  readonly emits?: readonly object[];
  /** Children that come to life by this, beside the effects of a state. */
  readonly spawns?: readonly Running[];
  readonly sends?: readonly Sent[];
  /** The machine must give up as a whole: nothing knows what this failure means. */
  readonly breaks?: boolean;
}

/** An event for a child, or for the `parent`. */
export interface Sent {
  readonly to: string;
  readonly event: object;
}

export interface Running {
  readonly effect: string;
  readonly input: unknown;
}

/** What is true of one state, written by hand. What `on` does not name, or answers undefined, changes nothing. */
export interface StateRule<Context> {
  /** What entering does to the data. */
  readonly enters?: (context: Context) => Partial<Context>;
  /** The effects that run in it, in order. */
  readonly runs?: (context: Context) => readonly Running[];
  /** What entering brings to life beside them, and tells children. */
  readonly spawns?: (context: Context) => readonly Running[];
  readonly sends?: (context: Context) => readonly Sent[];
  readonly on: Readonly<
    Record<string, (context: Context, happening: Happening) => Outcome<Context> | undefined>
  >;
  /** A machine may stay here for as long as nothing happens, or comes back here between attempts. */
  readonly rests?: boolean;
  /** It writes the record although its name does not say so. */
  readonly records?: boolean;
  /** Its effect lasts as long as what it watches: an event ends it otherwise, and no deadline of its own. */
  readonly lasts?: boolean;
  readonly final?: boolean;
}

/** Answers of an effect worth telling apart. */
export interface Answer<Context> {
  readonly label?: string;
  readonly output: (at: number, context: Context, input: unknown) => object;
}

export interface Start<Context> {
  readonly name: string;
  readonly input: object;
  readonly state: string;
  readonly context: Context;
}

/** The relation of one machine: everything it may do, and nothing else. */
export interface Spec<Context> {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly starts: readonly Start<Context>[];
  readonly states: Readonly<Record<string, StateRule<Context>>>;
  /** Events from outside, by the name of the happening. */
  readonly events: Readonly<Record<string, (at: number, context: Context) => EventObject>>;
  /** The answers of each effect but `deadline`. */
  readonly answers: Readonly<Record<string, readonly Answer<Context>[]>>;
  /** What tells two situations apart, times left out. */
  readonly key: (context: Context) => unknown;
  /** Ids of the children that live beside the effects of a state. */
  readonly children?: (context: Context) => readonly string[];
  readonly output?: (state: string, context: Context) => unknown;
  /** Until when the present wait may last. */
  readonly timing: (context: Context) => { readonly at: number; readonly deadline: number };
}

export interface Situation<Context> {
  readonly state: string;
  readonly context: Context;
  /** How it was reached. */
  readonly path: readonly string[];
}

/** The random fraction that every deadline of the relation brings. */
export const DEADLINE_JITTER = 0.2;

/** The failure that a wait past its deadline must be told as. */
export function overdue(context: { readonly waitingFor: string }, happening: Happening): Failure {
  return {
    at: happening.at,
    code: 'deadline-exceeded',
    message: `${context.waitingFor} took longer than allowed`,
    retryable: true,
    jitter: DEADLINE_JITTER,
  };
}
