import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';

/** Runs `work` with a signal that aborts with `signal`, or with `deadline-exceeded` after `milliseconds`. */
export async function withDeadline<Output>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Output>,
): Promise<Output> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = clock.schedule(clock.now() + milliseconds, () =>
    controller.abort(new StewardError('deadline-exceeded', `no answer within ${milliseconds} ms`)),
  );
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
