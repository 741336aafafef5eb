import { sleep } from '../gateways/clock.js';
import type { SharedContext } from './shared-context.js';
import type { ChildContext } from './spec.js';

/**
 * Does what the tree's fault points say for this step: throws, waits, or never returns. A hanging step ignores its
 * signal too, so that only a kill ends it, and as leaked.
 */
export async function injectFault(
  shared: SharedContext,
  point: 'start' | 'stop',
  context: ChildContext,
): Promise<void> {
  const fault = shared.faults?.at(point, context.path, context.generation);
  switch (fault?.kind) {
    case undefined:
      return;
    case 'crash':
      throw new Error(`injected crash at ${point}`);
    case 'slow':
      return sleep(shared.clock, fault.afterMs);
    case 'hang':
      return new Promise<void>(() => undefined);
  }
}
