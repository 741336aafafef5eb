import { StewardError } from '../errors/steward-error.js';
import type { Clock } from './clock.js';

/** Runs `work` under a signal that aborts with the outer one, or with `deadline-exceeded` after `milliseconds`. */
export async function withDeadline<Result>(
  clock: Clock,
  milliseconds: number,
  what: string,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  outer.throwIfAborted();
  const controller = new AbortController();
  const onOuter = () => controller.abort(outer.reason);
  outer.addEventListener('abort', onOuter, { once: true });
  const timer = clock.schedule(clock.now() + milliseconds, () =>
    controller.abort(overdue(what, milliseconds)),
  );
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    outer.removeEventListener('abort', onOuter);
  }
}

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
    const timer = clock.schedule(clock.now() + milliseconds, () => reject(overdue(what, milliseconds)));
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

function overdue(what: string, milliseconds: number): StewardError {
  return new StewardError('deadline-exceeded', `${what} took longer than ${milliseconds} ms`);
}
