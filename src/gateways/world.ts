import type { Clock } from './clock.js';
import type { Files } from './files.js';
import type { Processes } from './processes.js';
import type { Random } from './random.js';

/** What a program needs of the outside, passed explicitly; the simulation passes its own. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly processes: Processes;
}
