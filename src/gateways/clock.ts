/**
 * Time. Everything that reads a clock or waits does it through here, so that tests and the simulation decide
 * what time it is. Milliseconds everywhere.
 */
export interface Clock {
  /** Wall-clock milliseconds since the epoch; may step in either direction. */
  now(): number;
  /** Milliseconds since an arbitrary moment, the same for all processes of one boot; never step back. */
  monotonic(): number;
  /**
   * Runs `callback` once when the wall clock reaches `at` (at once, but never inside this call, when it is past).
   * Any distance works, also beyond the 24.8 days that setTimeout can express. When the wall clock steps back
   * meanwhile, the callback comes after the distance it was set for, so that no wait grows with the step.
   */
  schedule(at: number, callback: () => void): Timer;
}

export interface Timer {
  /** Prevents the callback if it has not run; safe to call again. */
  cancel(): void;
}

/** Resolves `milliseconds` from now; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.schedule(clock.now() + milliseconds, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
