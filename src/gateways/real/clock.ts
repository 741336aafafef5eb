import { CLOCK_CHECK_MS, CLOCK_EARLY_MS } from '../bounds.js';
import type { Clock, Timer } from '../clock.js';

/**
 * The machine's clock. A timer waits in short stretches, so that any distance works and a wall clock that
 * jumps forward is noticed; when the clock steps back the timer still fires after the distance it was set for.
 */
export class RealClock implements Clock {
  now(): number {
    return Date.now();
  }

  /** Since the machine was started, so that another process of ours can compare. */
  monotonic(): number {
    return Number(process.hrtime.bigint()) / 1e6;
  }

  schedule(at: number, callback: () => void): Timer {
    return new RealTimer(this, at, callback);
  }
}

/** One object each, without closures: every instance at rest holds one. */
class RealTimer implements Timer {
  readonly #clock: Clock;
  readonly #at: number;
  /** On the monotonic clock. */
  readonly #end: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout;

  constructor(clock: Clock, at: number, callback: () => void) {
    this.#clock = clock;
    this.#at = at;
    this.#callback = callback;
    this.#end = clock.monotonic() + Math.max(0, at - clock.now());
    this.#handle = this.#wait();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #wait(): NodeJS.Timeout {
    const left = Math.max(this.#at - this.#clock.now(), 0);
    return setTimeout(RealTimer.#look, Math.min(Math.ceil(left), CLOCK_CHECK_MS), this);
  }

  static #look(timer: RealTimer): void {
    const left = timer.#at - timer.#clock.now();
    const isSteppedBack = left > CLOCK_EARLY_MS && timer.#clock.monotonic() >= timer.#end;
    if (left <= 0 || isSteppedBack) timer.#callback();
    else timer.#handle = timer.#wait();
  }
}
