import { type StewardError, toStewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { DAEMON_DOUBLINGS_MAX, DAEMON_PAUSE_MAX_MS, DAEMON_PAUSE_MIN_MS } from './bounds.js';

/**
 * Calls again while the daemon cannot be reached, with growing, varied pauses, up to `triesMax` times or until
 * `signal` aborts. For calls that may be repeated.
 */
export async function untilReached<Answer>(
  world: Pick<World, 'clock' | 'random'>,
  triesMax: number,
  signal: AbortSignal,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (thrown) {
      signal.throwIfAborted();
      if (tries >= triesMax || !isUnreached(toStewardError(thrown))) throw thrown;
      await sleep(world.clock, pauseAfter(tries, world.random.fraction()), signal);
    }
  }
}

/** Whether it could not be asked, and may be later. */
export function isUnreached({ code }: StewardError): boolean {
  return code === 'unavailable' || code === 'cancelled' || code === 'deadline-exceeded';
}

/** Milliseconds between two tries; `fraction` in [0, 1) varies them. */
export function pauseAfter(tries: number, fraction: number): number {
  const fullMs = Math.min(
    DAEMON_PAUSE_MAX_MS,
    DAEMON_PAUSE_MIN_MS * 2 ** Math.min(tries - 1, DAEMON_DOUBLINGS_MAX),
  );
  return Math.round(fullMs * (1 - fraction / 2));
}
