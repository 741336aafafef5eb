import type { Transition } from '../gen/steward/v1/transition.js';

/**
 * Since when an actor is in its present step, restarts of its program left out: one that came back to where it had
 * been never left. `since` is what its status says, which knows the last life only.
 */
export function heldSince(
  transitions: readonly Transition[],
  actor: string,
  step: string,
  since: bigint,
): bigint {
  let held = since;
  for (const { to, from, atMs } of transitions.filter((one) => one.actor === actor).reverse()) {
    if (to === 'recovering') continue;
    if (to !== step) return held;
    if (atMs < held) held = atMs;
    if (from !== 'recovering') return held;
  }
  return held;
}
