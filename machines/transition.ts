import type { InstanceId } from './ids.js';

/**
 * One step of one actor, as it leaves on the one stream that metrics, logs, history, `why`, live views, the
 * database and the tests read. `sequence` grows by one per transition of a program and never falls, not even
 * over restarts; `at` is milliseconds since the epoch.
 */
export interface Transition {
  readonly sequence: number;
  readonly at: number;
  readonly instance: InstanceId;
  /** `content` for the instance's own actor, else the child: `timer:backup`, `mount:proc`, `veth:0`, … */
  readonly actor: string;
  readonly from: string;
  readonly to: string;
  /** The event or finished step that caused it, e.g. `INIT` or `initialize.failed`. */
  readonly cause: string;
  /** What a person should know beyond that: an error's message, a reason given. Never a secret. */
  readonly detail?: string;
}
