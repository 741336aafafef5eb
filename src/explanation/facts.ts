import type { ContentStatus } from '../gen/steward/v1/content.js';
import type { InstanceState } from '../gen/steward/v1/instance.js';
import type { Transition } from '../gen/steward/v1/transition.js';

/** All that an explanation rests on. At least one of `content`, `instance` and `transitions` says something. */
export interface Facts {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** undefined from who does not know it: a daemon knows no instances, a manager may not reach its daemon. */
  readonly content: ContentStatus | undefined;
  readonly instance: InstanceState | undefined;
  /** Kept ones of the instance and its content, oldest first. */
  readonly transitions: readonly Transition[];
  /** Who could not be asked, and why; empty when everybody was. */
  readonly unasked: string;
}

export interface Explanation {
  /** Where it is, since when, and why. */
  readonly sentences: readonly string[];
  /** What failed on the way, oldest first. */
  readonly tried: readonly string[];
  /** What happens by itself, soonest first. */
  readonly next: readonly string[];
  /** What a person can do, the gentlest first. */
  readonly options: readonly Option[];
}

export interface Option {
  readonly what: string;
  /** Words of the command line after the program's name; empty where there is no verb for it. */
  readonly command: readonly string[];
}
