import type { Random } from '../gateways/random.js';

/** Milliseconds to wait before attempt `attempt` + 1: doubling from `minMs` to `maxMs`, less up to half of it. */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: Random): number {
  const full = Math.min(maxMs, minMs * 2 ** Math.max(0, attempt - 1));
  return Math.round(full * (1 - random.fraction() / 2));
}
