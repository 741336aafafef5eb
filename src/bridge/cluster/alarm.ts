import type { Clock } from '../../gateways/clock.js';

/** Why a control loop stands still, and since when (milliseconds since the epoch). */
export interface Raised {
  readonly reason: string;
  readonly since: number;
}

/** The alarm of a control loop: raised by it, seen by metrics and people. */
export class Alarm {
  readonly clock: Clock;
  #raised: Raised | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get raised(): Raised | undefined {
    return this.#raised;
  }

  /** A new reason does not begin it anew. True when this was not known yet. */
  raise(reason: string): boolean {
    const isNew = this.#raised?.reason !== reason;
    this.#raised = { reason, since: this.#raised?.since ?? this.clock.now() };
    return isNew;
  }

  clear(): void {
    this.#raised = undefined;
  }
}
