import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of our own, so that programs in one process do not mix; with Node's own metrics when asked. */
export function createRegistry(
  program: string,
  options: { readonly withNodeMetrics: boolean } = { withNodeMetrics: false },
): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ program });
  if (options.withNodeMetrics) collectDefaultMetrics({ register: registry });
  return registry;
}
