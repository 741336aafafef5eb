import type { InitializerPlan } from './plan.js';

/** Leaves the folder as it is. */
export function planEmpty(): InitializerPlan {
  return {
    kind: 'empty',
    description: 'nothing',
    checkoutLocations: [],
    run: async () => ({ source: 'from-other', metrics: [], warnings: [] }),
  };
}
