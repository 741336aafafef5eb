import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';

/**
 * For work that cannot be broken off, as that of a disk: whoever waits is told `deadline-exceeded` when it takes too
 * long. The work itself goes on, so what it does late must harm nobody.
 */
export function inTime<Result>(
  clock: Clock,
  milliseconds: number,
  what: string,
  work: Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(clock.now() + milliseconds, () =>
      reject(new StewardError('deadline-exceeded', `${what} took longer than ${milliseconds} ms`)),
    );
    const over = (settle: () => void) => {
      timer.cancel();
      settle();
    };
    work.then(
      (result) => over(() => resolve(result)),
      (error: unknown) => over(() => reject(error)),
    );
  });
}
