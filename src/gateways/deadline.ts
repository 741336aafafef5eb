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
    controller.abort(new StewardError('deadline-exceeded', `${what} took longer than ${milliseconds} ms`)),
  );
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    outer.removeEventListener('abort', onOuter);
  }
}
