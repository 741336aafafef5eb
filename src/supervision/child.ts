import type { Timer } from '../gateways/clock.js';
import { ERROR_TEXT_MAX, WORKER_SHUTDOWN_MS } from './bounds.js';
import type { Exit } from './exit.js';
import type { RestartWindow } from './intensity.js';
import type { Run } from './run.js';
import type { Serial } from './serial.js';
import type { ChildSpec, Shutdown } from './spec.js';
import type { ChildState } from './tree.js';

/** One entry of a supervisor: a specification, and its run if there is one. Kept small: there are thousands. */
export class Child {
  readonly spec: ChildSpec;
  run: Run | undefined;
  /** Present while it waits to be started again. */
  pending: PendingRestart | undefined;
  parked = false;
  generation = 0;
  /** Restarts since the last run that was long enough to reset the back-off. */
  backoffStep = 0;
  /** How the run before ended, once there was one. */
  previous: Exit | undefined;
  lastError: string | undefined;
  /** Its own budget, if its supervisor gives each child one. */
  window: RestartWindow | undefined;
  /** The order of what is done with it, if its supervisor treats children independently. */
  serial: Serial | undefined;

  constructor(spec: ChildSpec) {
    this.spec = spec;
  }

  get state(): ChildState {
    if (this.run !== undefined) return this.run.state;
    if (this.pending !== undefined) return 'waiting';
    return this.parked ? 'parked' : 'stopped';
  }

  get shutdown(): Shutdown {
    return this.spec.shutdown ?? (this.spec.kind === 'worker' ? WORKER_SHUTDOWN_MS : 'infinity');
  }

  failed(exit: Exit): void {
    this.previous = exit;
    if (exit.kind === 'abnormal') this.lastError = exit.error.message.slice(0, ERROR_TEXT_MAX);
  }
}

/** Children that will start again together. A child leaves by having its `pending` replaced or removed. */
export interface PendingRestart {
  readonly members: readonly Child[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  timer: Timer | undefined;
}

/** Takes `child` out of the restart it waits for; the last one out cancels the timer. */
export function forgetPending(child: Child): void {
  const pending = child.pending;
  if (pending === undefined) return;
  child.pending = undefined;
  if (!pending.members.some((member) => member.pending === pending)) pending.timer?.cancel();
}
