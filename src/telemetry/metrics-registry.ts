import { collectDefaultMetrics, Registry } from 'prom-client';
import { EVENT_LOOP_LOOK_MS } from './bounds.js';

/** A registry of our own, so that programs in one process do not mix. */
export function createRegistry(program: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ program });
  return registry;
}

/** Node's own metrics of this process, which are not free: only where somebody may read them. */
export function addNodeMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS });
}
