import type { World } from '../world.js';
import { MortalClock, SimulatedClock } from './clock.js';
import { SimulatedFiles } from './files.js';
import { SimulatedProcesses, type SimulatedPrograms } from './processes.js';
import { SeededRandom } from './random.js';

/**
 * A world of one seed. The program under test uses it as its `World`; when it is killed or the power goes, a
 * new program is started with the world that is left, and the old one never hears anything again.
 */
export class SimulatedWorld implements World {
  /** Moves the virtual time of this life and all later ones. */
  readonly time: SimulatedClock;
  readonly clock: MortalClock;
  readonly random: SeededRandom;
  readonly files: SimulatedFiles;
  readonly processes: SimulatedProcesses;

  private constructor(time: SimulatedClock, random: SeededRandom, left: Left) {
    this.time = time;
    this.clock = new MortalClock(time);
    this.random = random;
    this.files = left.files;
    this.processes = left.processes;
  }

  static fromSeed(seed: number, programs: SimulatedPrograms = {}): SimulatedWorld {
    const time = new SimulatedClock();
    const files = new SimulatedFiles(time);
    return new SimulatedWorld(time, new SeededRandom(seed), {
      files,
      processes: new SimulatedProcesses(time, files, programs),
    });
  }

  /** SIGKILL of the program: files stay as they are, detached processes live on. Faults are gone. */
  kill(): SimulatedWorld {
    this.clock.kill();
    const files = this.files.kill();
    return new SimulatedWorld(this.time, this.random.fork(), {
      files,
      processes: this.processes.kill(files),
    });
  }

  /** A power cut: only what was synced is certain, and no process lives on. Faults are gone. */
  cutPower(): SimulatedWorld {
    this.clock.kill();
    const files = this.files.crash(this.random.fork());
    return new SimulatedWorld(this.time, this.random.fork(), {
      files,
      processes: this.processes.reboot(files),
    });
  }
}

interface Left {
  readonly files: SimulatedFiles;
  readonly processes: SimulatedProcesses;
}
