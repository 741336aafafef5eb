import { type Clock, sleep } from '../gateways/clock.js';
import { type Exit, SHUTDOWN } from '../supervision/exit.js';

/** Does `work` again and again, with a pause after each, until `signal` aborts. */
export async function periodic(
  clock: Clock,
  pauseMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<Exit> {
  while (!signal.aborted) {
    await sleep(clock, pauseMs, signal).catch(() => undefined);
    if (!signal.aborted) await work();
  }
  return SHUTDOWN;
}
