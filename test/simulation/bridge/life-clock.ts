import type { Clock, Timer } from '../../../src/gateways/clock.js';

interface Ring {
  /** It is on its way from outside, and nobody in the bridge waits for this instant. */
  readonly isAnswer: boolean;
  readonly callback: () => void;
  isCancelled: boolean;
}

/**
 * The clock as one bridge sees it: what it waits for never comes once it was killed, and later while it is stopped
 * (SIGSTOP); time passes meanwhile.
 */
export class LifeClock implements Clock {
  readonly #time: Clock;
  readonly #armed = new Map<Ring, Timer>();
  #held: Ring[] = [];
  #isDead = false;
  #isStopped = false;

  constructor(time: Clock) {
    this.#time = time;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Timers of the bridge that are armed. */
  get pending(): number {
    return [...this.#armed.keys(), ...this.#held].filter(({ isAnswer }) => !isAnswer).length;
  }

  now(): number {
    return this.#time.now();
  }

  monotonic(): number {
    return this.#time.monotonic();
  }

  schedule(at: number, callback: () => void): Timer {
    return this.#schedule(at, { callback, isCancelled: this.#isDead, isAnswer: false });
  }

  /** What comes from outside in so many milliseconds. */
  deliver(milliseconds: number, callback: () => void): Timer {
    const ring = { callback, isCancelled: this.#isDead, isAnswer: true };
    return this.#schedule(this.now() + milliseconds, ring);
  }

  /** Comes back after so long; never to a bridge that was killed. */
  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.deliver(milliseconds, resolve));
  }

  kill(): void {
    this.#isDead = true;
    for (const timer of this.#armed.values()) timer.cancel();
    this.#armed.clear();
    this.#held = [];
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** What was due meanwhile comes now, one after the other. */
  wake(): void {
    this.#isStopped = false;
    for (const ring of this.#held.splice(0)) this.#arm(ring, this.now());
  }

  #schedule(at: number, ring: Ring): Timer {
    if (!this.#isDead) this.#arm(ring, at);
    return {
      cancel: () => {
        ring.isCancelled = true;
        this.#armed.get(ring)?.cancel();
        this.#armed.delete(ring);
        this.#held = this.#held.filter((other) => other !== ring);
      },
    };
  }

  #arm(ring: Ring, at: number): void {
    const timer = this.#time.schedule(at, () => {
      this.#armed.delete(ring);
      if (ring.isCancelled || this.#isDead) return;
      if (this.#isStopped) this.#held.push(ring);
      else ring.callback();
    });
    this.#armed.set(ring, timer);
  }
}
