import { StewardError } from '../../../errors/steward-error.js';
import { type Clock, sleep } from '../../../gateways/clock.js';
import type { TransferProgress } from '../../../gen/steward/v1/backup.js';
import { PROGRESS_PERIOD_MS } from '../../bounds.js';

export type Told<Result> =
  | { readonly kind: 'progress'; readonly progress: TransferProgress }
  | { readonly kind: 'done'; readonly result: Result };

/**
 * Does `work` and tells how far it is: now and then, and only the newest, so that a slow reader costs nothing.
 * When the reader leaves, the work is given up, and this ends when it has ended.
 */
export async function* progressing<Result>(
  clock: Clock,
  signal: AbortSignal,
  work: (signal: AbortSignal, tell: (progress: TransferProgress) => void) => Promise<Result>,
): AsyncGenerator<Told<Result>> {
  const leaving = new AbortController();
  const leave = () => leaving.abort(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  let newest: TransferProgress | undefined;
  let done: Told<Result> | undefined;
  const over = work(leaving.signal, (progress) => {
    newest = progress;
  }).then((result) => {
    done = { kind: 'done', result };
  });
  // A failure is thrown where it is waited for.
  over.catch(() => undefined);
  try {
    while (done === undefined) {
      await within(clock, PROGRESS_PERIOD_MS, over);
      const progress = newest;
      newest = undefined;
      if (done === undefined && progress !== undefined) yield { kind: 'progress', progress };
    }
    yield done;
  } finally {
    signal.removeEventListener('abort', leave);
    leaving.abort(new StewardError('cancelled', 'the caller has left'));
    await over.catch(() => undefined);
  }
}

/** Returns when `work` has ended or so many milliseconds are over; throws what it throws. */
async function within(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  const period = sleep(clock, milliseconds, waiting.signal);
  period.catch(() => undefined);
  try {
    await Promise.race([work, period]);
  } finally {
    waiting.abort();
  }
}
