import type { Restart, SupervisorSpec } from './spec.js';
import type { SupervisorState } from './supervisor.js';

/**
 * `waiting`: failed, will start again. `stopped`: not running, its specification is kept. `parked`: its restarts
 * are exhausted; `retryChild` starts it.
 */
export type ChildState = 'starting' | 'running' | 'stopping' | 'waiting' | 'stopped' | 'parked';

export interface RestartsInfo {
  /** Within the period that ends now. */
  readonly used: number;
  readonly left: number;
  readonly periodMs: number;
}

export interface ChildInfo {
  readonly name: string;
  readonly path: string;
  readonly kind: 'worker' | 'supervisor';
  readonly state: ChildState;
  readonly restart: Restart;
  readonly significant: boolean;
  /** Of the latest run; 0 before the first. */
  readonly generation: number;
  /** Milliseconds since the epoch; present in `waiting`. */
  readonly nextRestartAt?: number;
  readonly lastError?: string;
  readonly mailboxDepth?: number;
  /** Present when the child has a budget of its own. */
  readonly restarts?: RestartsInfo;
}

export interface ChildNode extends ChildInfo {
  /** Present in a running supervisor. */
  readonly supervisor?: SupervisorNode;
}

export interface SupervisorNode {
  readonly name: string;
  readonly path: string;
  readonly kind: 'supervisor';
  readonly state: SupervisorState;
  readonly strategy: SupervisorSpec['strategy'];
  readonly restarts: RestartsInfo;
  /** Why, and since when (milliseconds since the epoch), it is parked. */
  readonly parked?: { readonly reason: string; readonly since: number };
  /** Exceptions thrown by the observer of the tree's events. */
  readonly observerFailures: number;
  /** In start order. */
  readonly children: readonly ChildNode[];
}

export interface Counts {
  /** All children, running or not. */
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}
