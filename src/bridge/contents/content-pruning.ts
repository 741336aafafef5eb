import { type StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import { CONTENT_KEPT_MS, CONTENT_PRUNE_MS } from '../bounds.js';
import type { Writing } from '../clusters/writing.js';
import { isoTime } from '../pipeline/iso-time.js';
import { forgetClustersBut, pruneStates } from './content-rows.js';

export interface PruningOptions {
  readonly writing: Writing;
  readonly clock: Clock;
  /** The registered clusters; undefined while nobody knows. */
  readonly clusters: () => readonly string[] | undefined;
  readonly onFailed: (error: StewardError) => void;
}

/** Keeps the table of actors' states in proportion to what lives. Never rejects. */
export async function pruneContents(options: PruningOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(options.clock, CONTENT_PRUNE_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    await pruneOnce(options, signal).catch((thrown: unknown) =>
      options.onFailed(toStewardError(thrown, 'unavailable')),
    );
  }
}

export async function pruneOnce(
  { writing, clock, clusters }: Omit<PruningOptions, 'onFailed'>,
  signal: AbortSignal,
): Promise<void> {
  if (writing.refusal() !== undefined) return;
  const before = isoTime(clock.now() - CONTENT_KEPT_MS);
  let pruned = 1;
  // One transaction after the other, so that nobody waits long for any of them.
  while (pruned > 0 && !signal.aborted) pruned = await writing.write((rows) => pruneStates(rows, before));
  const registered = clusters();
  if (registered !== undefined) await writing.write((rows) => forgetClustersBut(rows, registered));
}
