import { type Clock, sleep } from '../../gateways/clock.js';
import { QUIESCE_POLL_MS } from '../bounds.js';

/**
 * The effects of one instance, one at a time and in order. A step that was given up (deadline, dispose) aborts
 * its signal, but the next one begins only when it has really ended: nothing is removed under a running
 * initializer.
 */
export class Lane {
  /** Present while there are any: thousands of lanes are idle. */
  #effects: Set<AbortController> | undefined;
  #tail: Promise<unknown> | undefined;

  get isIdle(): boolean {
    return this.#effects === undefined;
  }

  /** Runs `task` after everything before it has ended; rejects then, without running it, if `signal` has aborted. */
  run<Output>(task: (signal: AbortSignal) => Promise<Output>, signal: AbortSignal): Promise<Output> {
    const effect = new AbortController();
    const giveUp = () => effect.abort(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    const effects = this.#effects ?? new Set();
    this.#effects = effects.add(effect);
    const result = (this.#tail ?? Promise.resolve()).then(() => {
      effect.signal.throwIfAborted();
      return task(effect.signal);
    });
    this.#tail = result
      .catch(() => undefined)
      .then(() => {
        signal.removeEventListener('abort', giveUp);
        effects.delete(effect);
        if (effects.size > 0) return;
        this.#effects = undefined;
        this.#tail = undefined;
      });
    return result;
  }

  /** Gives up everything that runs or waits; `idle` tells when it has ended. */
  abort(reason: Error): void {
    for (const effect of this.#effects ?? []) effect.abort(reason);
  }

  /**
   * Resolves when nothing runs or waits; false when that took longer than `milliseconds`. What `isHeld` says of
   * this lane's effect, that it has not begun and will not, is as good as nothing.
   */
  async idle(clock: Clock, milliseconds: number, isHeld: () => boolean = () => false): Promise<boolean> {
    const until = clock.monotonic() + milliseconds;
    while (!this.isIdle && !isHeld()) {
      if (clock.monotonic() >= until) return false;
      await Promise.race([this.#tail, sleep(clock, QUIESCE_POLL_MS)]);
    }
    return true;
  }
}
