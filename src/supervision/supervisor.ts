import type { Clock } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import type { SupervisorEvent } from './events.js';
import type { Exit, Stopped } from './exit.js';
import type { FaultPoints } from './faults.js';
import type { Registry } from './registry.js';
import type { ChildSpec } from './spec.js';
import type { ChildInfo, Counts, SupervisorNode } from './tree.js';

/** What a tree of supervisors gets from outside. */
export interface SupervisionOptions {
  readonly clock: Clock;
  /** For jitter. */
  readonly random: Random;
  /** Gets every event of the whole tree; what it throws is counted and disturbs nobody. */
  readonly onEvent?: (event: SupervisorEvent) => void;
  /** Faults to inject; none unless given. */
  readonly faults?: FaultPoints;
}

/** A refusal says why nothing was done, in OTP's words where it has them. */
export type Refused = { readonly result: 'refused'; readonly reason: RefusalReason };
export type RefusalReason =
  | 'not-found'
  | 'already-present'
  | 'running'
  | 'restarting'
  | 'not-parked'
  | 'parked'
  | 'stopping'
  | 'too-many-children'
  | 'wrong-kind'
  | 'dynamic';

export type StartChildResult =
  | { readonly result: 'started'; readonly generation: number }
  | { readonly result: 'ignored' }
  | { readonly result: 'failed'; readonly error: Error }
  /** It was told to stop before it was up. */
  | { readonly result: 'stopped' }
  | Refused;

export type StopChildResult = { readonly result: 'stopped'; readonly stopped: Stopped } | Refused;
export type DeleteChildResult = { readonly result: 'deleted' } | Refused;

export type SupervisorState = 'starting' | 'running' | 'parked' | 'stopping' | 'stopped';

/** A running supervisor. Paths in `find` are relative to it. */
export interface Supervisor {
  readonly path: string;
  readonly state: SupervisorState;
  readonly registry: Registry;
  /** Resolves when the supervisor is gone: `shutdown` after a stop, an escalation or an auto-shutdown. */
  readonly exit: Promise<Exit>;

  /**
   * Stops the children (in reverse order and one by one, those of a dynamic supervisor in parallel), each within
   * its deadline, then the supervisor. While it is starting, the start is given up. May be called again: the
   * answer is the same.
   */
  stop(): Promise<Stopped>;
  /** Kills all children at once and reports what is still there. */
  kill(): Promise<Stopped>;
  /** Leaves `parked`: a fresh budget, and every child is started as after a restart of all. False if not parked. */
  retry(): Promise<boolean>;

  /** Adds a child after the others and starts it. A child whose start fails is not added. */
  startChild(spec: ChildSpec): Promise<StartChildResult>;
  /** Stops a child and keeps its specification; a temporary or dynamic child is gone. Never an auto-shutdown. */
  terminateChild(name: string): Promise<StopChildResult>;
  /** Starts a child that is not running. */
  restartChild(name: string): Promise<StartChildResult>;
  /** Forgets a child that is not running. */
  deleteChild(name: string): DeleteChildResult;
  /** Starts a parked child of a dynamic supervisor again, with a fresh budget. */
  retryChild(name: string): Promise<StartChildResult>;

  /** Running supervisor at `path` (names joined by `/`, relative to this one; '' is this one). */
  find(path: string): Supervisor | undefined;
  childSpec(name: string): ChildSpec | undefined;
  /** OTP's which_children, in start order. */
  whichChildren(): readonly ChildInfo[];
  /** OTP's count_children. */
  countChildren(): Counts;
  /** Everything below, for people and for the wire. */
  tree(): SupervisorNode;
}
