import { type Clock, sleep } from '../../gateways/clock.js';
import { QUIESCE_POLL_MS } from '../bounds.js';

/**
 * The effects of one instance, one at a time and in order. A step that was given up (deadline, dispose) aborts
 * its signal, but the next one begins only when it has really ended: nothing is removed under a running
 * initializer.
 */
export class Lane {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** Runs `task` after everything before it has ended; rejects at once, without running it, once `signal` aborts. */
  run<Output>(task: (signal: AbortSignal) => Promise<Output>, signal: AbortSignal): Promise<Output> {
    this.#waiting += 1;
    const result = this.#tail.then(() => {
      signal.throwIfAborted();
      return task(signal);
    });
    this.#tail = result
      .catch(() => undefined)
      .then(() => {
        this.#waiting -= 1;
      });
    return result;
  }

  /** Resolves when nothing runs or waits; false when that took longer than `milliseconds`. */
  async idle(clock: Clock, milliseconds: number): Promise<boolean> {
    const until = clock.monotonic() + milliseconds;
    while (!this.isIdle) {
      if (clock.monotonic() >= until) return false;
      await Promise.race([this.#tail, sleep(clock, QUIESCE_POLL_MS)]);
    }
    return true;
  }
}
