import { Gauge, type Registry } from 'prom-client';
import type { Removals } from './removals.js';

/** Shows what waits to be removed, and what cannot be. */
export function showRemovals(removals: Pick<Removals, 'state'>, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'steward_removals_waiting',
    help: 'Contents that are safe, or given up, and wait to be removed from the disk.',
    registers,
    collect() {
      this.set(removals.state.waiting);
    },
  });
  new Gauge({
    name: 'steward_removals_failing',
    help: 'Contents that could not be removed and are tried again.',
    registers,
    collect() {
      this.set(removals.state.failing);
    },
  });
  new Gauge({
    name: 'steward_removals_failing_oldest_seconds',
    help: 'How long this daemon has failed to remove the first of them; 0 when there is none.',
    registers,
    collect() {
      this.set(removals.state.oldestFailingMs / 1000);
    },
  });
}

/** For people who look how a node is; empty when all is well. */
export function removalsNotice({ state }: Pick<Removals, 'state'>): string {
  if (state.problem === undefined) return '';
  const others = state.failing === 1 ? '' : ` and ${state.failing - 1} more`;
  return `cannot be removed: ${state.problem}${others}`;
}
