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
    const end = this.monotonic() + Math.max(0, at - this.now());
    let handle: NodeJS.Timeout;
    const wait = () => {
      const left = Math.max(at - this.now(), 0);
      handle = setTimeout(look, Math.min(Math.ceil(left), CLOCK_CHECK_MS));
    };
    const look = () => {
      const left = at - this.now();
      const isSteppedBack = left > CLOCK_EARLY_MS && this.monotonic() >= end;
      if (left <= 0 || isSteppedBack) callback();
      else wait();
    };
    wait();
    return { cancel: () => clearTimeout(handle) };
  }
}
