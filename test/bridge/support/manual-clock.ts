import type { Clock, Timer } from '../../../src/gateways/clock.js';
import type { Random } from '../../../src/gateways/random.js';

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  #now: number;
  #timers: { at: number; callback: () => void }[] = [];

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(at: number, callback: () => void): Timer {
    const timer = { at, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  get timers(): number {
    return this.#timers.length;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#timers.filter((timer) => timer.at <= this.#now).sort((a, b) => a.at - b.at);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.callback();
  }
}

export const steadyRandom: Random = {
  fraction: () => 0.5,
  uuid: () => '00000000-0000-4000-8000-000000000000',
  bytes: (count) => new Uint8Array(count),
};
