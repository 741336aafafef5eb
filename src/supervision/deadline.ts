import type { Clock, Timer } from '../gateways/clock.js';

/** Runs `callback` in `ms`, or never for `infinity`. */
export function arm(clock: Clock, ms: number | 'infinity', callback: () => void): Timer | undefined {
  return ms === 'infinity' ? undefined : clock.schedule(clock.now() + ms, callback);
}

/** Resolves when `work` settles either way, or after `ms`, whichever is first. */
export function settledWithin(clock: Clock, work: Promise<unknown>, ms: number | 'infinity'): Promise<void> {
  return new Promise((resolve) => {
    const timer = arm(clock, ms, resolve);
    const settled = () => {
      timer?.cancel();
      resolve();
    };
    work.then(settled, settled);
  });
}

/** One wait that somebody else can end early. */
export class InterruptibleWait {
  #end: ((inTime: boolean) => void) | undefined;

  /** Whether `work` settles, either way, before `ms` have passed and before an interruption. Called once. */
  for(clock: Clock, work: Promise<unknown>, ms: number | 'infinity'): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = arm(clock, ms, () => this.#end?.(false));
      this.#end = (inTime) => {
        this.#end = undefined;
        timer?.cancel();
        resolve(inTime);
      };
      work.then(
        () => this.#end?.(true),
        () => this.#end?.(true),
      );
    });
  }

  /** Does nothing when the wait is over. */
  interrupt(): void {
    this.#end?.(false);
  }
}
