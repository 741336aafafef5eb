import { backoffOf, plainPauseMs } from './backoff.js';
import { BUDGET_PRODUCT_MAX } from './bounds.js';
import type { SupervisorCore } from './core.js';

/**
 * Starts of one child that this supervisor and those above it add up to before the uppermost gives up: one more
 * than its restarts, times as much again for every supervisor that brings it back. The product ends below a
 * supervisor that parks, and above one that is not permanent, because its `shutdown` is no reason to restart it.
 */
export function startsBeforeGivingUp(restarts: number, startsAbove: number, escalates: boolean): number {
  return (restarts + 1) * (escalates ? startsAbove : 1);
}

/** Tells what about the supervisor's specification is allowed but probably not meant. Called once per start. */
export function warnAboutSpec(core: SupervisorCore, startsAbove: number, starts: number): void {
  const { path, shared, intensity } = core;
  // Only the level that crosses the bound says so, not every one below it.
  if (starts > BUDGET_PRODUCT_MAX && startsAbove <= BUDGET_PRODUCT_MAX) {
    const detail = `a failing child is started up to ${starts} times before the top gives up`;
    shared.tell({ type: 'warning', path, warning: 'budget-product', detail });
  }
  const shortest = shortestExhaustionMs(core);
  if (shortest > intensity.periodMs) {
    const detail = `${intensity.restarts} restarts take at least ${shortest} ms of pauses, the period is ${intensity.periodMs} ms: never exhausted`;
    shared.tell({ type: 'warning', path, warning: 'backoff-outlasts-period', detail });
  }
  for (const child of core.children.values()) {
    if (child.spec.kind === 'worker' && child.spec.shutdown === 'infinity') {
      const detail = `${child.spec.name} may take for ever to stop`;
      shared.tell({ type: 'warning', path, warning: 'worker-without-deadline', detail });
    }
  }
}

/** The pauses between the first and the last failure of a child that fails at once each time, without jitter. */
function shortestExhaustionMs(core: SupervisorCore): number {
  const backoff = backoffOf(core.spec.backoff);
  let total = 0;
  for (let step = 0; step < core.intensity.restarts && total <= core.intensity.periodMs; step += 1) {
    total += plainPauseMs(backoff, step);
  }
  return total;
}
