import { join } from 'node:path';
import { sleep } from '../../gateways/clock.js';
import { errorCode } from '../../gateways/file-error.js';
import type { ProcessIdentity } from '../../gateways/processes.js';
import type { World } from '../../gateways/world.js';
import { LOGGER_WAIT_MS, SHIM_FILE_BYTES_MAX, SWEEP_PAUSE_MIN_MS } from '../bounds.js';

/** The folder that the logger of one start writes to. */
export class RunLog {
  readonly path: string;
  readonly #world: World;

  constructor(world: World, path: string) {
    this.#world = world;
    this.path = path;
  }

  /**
   * Resolves when nothing will be written any more. A logger waits for everybody who can write; one that waits for
   * somebody nobody knows is ended.
   */
  async completed(signal: AbortSignal): Promise<void> {
    const { clock, files, processes } = this.#world;
    const giveUpAt = clock.monotonic() + LOGGER_WAIT_MS;
    while ((await files.stat(join(this.path, 'over'))) === undefined) {
      const logger = await this.#logger();
      if (logger !== undefined && !(await processes.isAlive(logger))) return;
      if (clock.monotonic() > giveUpAt) {
        if (logger !== undefined) await processes.signalGroup(logger, 'SIGKILL');
        return;
      }
      await sleep(clock, SWEEP_PAUSE_MIN_MS, signal);
    }
  }

  async #logger(): Promise<ProcessIdentity | undefined> {
    try {
      const text = await this.#world.files.read(join(this.path, 'logger'), SHIM_FILE_BYTES_MAX);
      const [, pid, ticks, bootId] = /^(\d+) (\d+) ([0-9a-f-]+)\n$/.exec(text.toString('latin1')) ?? [];
      if (pid === undefined || ticks === undefined || bootId === undefined) return undefined;
      return { pid: Number(pid), startTicks: Number(ticks), bootId };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
