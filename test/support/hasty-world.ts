import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';

/** The real world, except that nothing has to be waited for: every pause of ours is over at once. */
export function hastyWorld(): World {
  const world = realWorld();
  const clock = {
    now: () => world.clock.now(),
    monotonic: () => world.clock.monotonic(),
    schedule: (_at: number, callback: () => void) => {
      const timer = setImmediate(callback);
      return { cancel: () => clearImmediate(timer) };
    },
  };
  return { ...world, clock };
}
