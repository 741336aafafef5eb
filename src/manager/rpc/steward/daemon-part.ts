import { StewardError, toStewardError } from '../../../errors/steward-error.js';
import type { Clock } from '../../../gateways/clock.js';
import { withDeadline } from '../../../gateways/deadline.js';
import { DAEMON_PART_MS } from '../../bounds.js';

/**
 * What the daemon adds to an answer that the manager can give without it. One that hangs counts as one that is away:
 * `onSilence` is told why, and says what stands for its part. Whatever else it answers is passed on.
 */
export async function daemonPart<Answer, Otherwise>(
  clock: Clock,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<Answer>,
  onSilence: (error: StewardError) => Otherwise,
): Promise<Answer | Otherwise> {
  try {
    return await withDeadline(clock, DAEMON_PART_MS, 'asking the daemon', signal, ask);
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toStewardError(thrown);
    if (error.code === 'unavailable') return onSilence(error);
    // The caller has not left, so it was our deadline that broke it off.
    if (error.code === 'cancelled' || error.code === 'deadline-exceeded') {
      const what = `nothing came of it within ${DAEMON_PART_MS} ms`;
      return onSilence(new StewardError('deadline-exceeded', what, { cause: thrown }));
    }
    throw thrown;
  }
}
