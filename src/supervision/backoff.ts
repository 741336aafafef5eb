import type { Random } from '../gateways/random.js';
import { BACKOFF_FACTOR, BACKOFF_INITIAL_MS, BACKOFF_JITTER_FRACTION, BACKOFF_PAUSE_MS } from './bounds.js';
import type { Backoff } from './spec.js';

const DEFAULT_BACKOFF: Backoff = {
  initialMs: BACKOFF_INITIAL_MS,
  maxMs: BACKOFF_PAUSE_MS,
  factor: BACKOFF_FACTOR,
  jitter: BACKOFF_JITTER_FRACTION,
};

const NO_BACKOFF: Backoff = { initialMs: 0, maxMs: 0, factor: 1, jitter: 0, resetAfterMs: 0 };

export function backoffOf(spec: Backoff | 'none' | undefined): Backoff {
  if (spec === undefined) return DEFAULT_BACKOFF;
  return spec === 'none' ? NO_BACKOFF : spec;
}

/** Whole milliseconds before restart number `step` (from 0) in a row. Draws from `random` only when there is jitter. */
export function pauseMs(backoff: Backoff, step: number, random: Random): number {
  const plain = plainPauseMs(backoff, step);
  if (plain === 0 || backoff.jitter === 0) return Math.round(plain);
  return Math.round(plain * (1 + backoff.jitter * random.fraction()));
}

/** The same without jitter: the shortest it can be. */
export function plainPauseMs(backoff: Backoff, step: number): number {
  return Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** step);
}

/** How long a run must last to make the next pause the first one again (Pekko's rule unless given). */
export function resetAfterMs(backoff: Backoff): number {
  return backoff.resetAfterMs ?? (backoff.initialMs + backoff.maxMs) / 2;
}
