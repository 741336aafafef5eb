import type { World } from '../world.js';
import { RealClock } from './clock.js';
import { RealFiles } from './files.js';
import { RealProcesses } from './processes.js';
import { RealRandom } from './random.js';

/** This machine. */
export function realWorld(): World {
  return {
    clock: new RealClock(),
    random: new RealRandom(),
    files: new RealFiles(),
    processes: new RealProcesses(),
  };
}
