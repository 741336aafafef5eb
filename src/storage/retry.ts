import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { ATTEMPTS_MAX, RETRY_JITTER_FRACTION, RETRY_PAUSE_LONGEST_MS, RETRY_PAUSE_MS } from './bounds.js';

export type RetryWorld = Pick<World, 'clock' | 'random'>;

/** Does `work` again after `storage-unavailable`, a bounded number of times, as long as it is possible. */
export async function retry<T>(
  world: RetryWorld,
  signal: AbortSignal,
  work: () => Promise<T>,
  isPossible = () => true,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isWorthRetrying(attempt, error, signal) || !isPossible()) throw error;
      await pauseAfter(world, attempt, signal);
    }
  }
}

/** Whether another attempt follows the one of this number (from 1), which failed. */
export function isWorthRetrying(attempt: number, error: unknown, signal: AbortSignal): boolean {
  const isTransient = error instanceof StewardError && error.code === 'storage-unavailable';
  return attempt < ATTEMPTS_MAX && isTransient && !signal.aborted;
}

/** The pause after the attempt of this number, growing, with jitter. */
export async function pauseAfter(world: RetryWorld, attempt: number, signal: AbortSignal): Promise<void> {
  const pause = Math.min(RETRY_PAUSE_MS * 2 ** (attempt - 1), RETRY_PAUSE_LONGEST_MS);
  const jitter = pause * RETRY_JITTER_FRACTION * world.random.fraction();
  await sleep(world.clock, pause + jitter, signal);
}
