import { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';

/** Free and total bytes of the disk a folder is on. */
export interface DiskState {
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Knows whether the disks of this node have room. With less than `minFreeBytes` nothing new is set up: what is
 * there needs the room for its own work and for being saved.
 */
export class DiskGuard {
  readonly #files: World['files'];
  readonly #paths: readonly string[];
  readonly #minFreeBytes: number;
  #disks: readonly DiskState[] = [];

  constructor(files: World['files'], paths: readonly string[], minFreeBytes: number) {
    this.#files = files;
    this.#paths = paths;
    this.#minFreeBytes = minFreeBytes;
  }

  /** As of the last look that worked. */
  get disks(): readonly DiskState[] {
    return this.#disks;
  }

  /** Why nothing new may begin; undefined while there is room, or nobody has looked yet. */
  get problem(): StewardError | undefined {
    const full = this.#disks.find(({ freeBytes }) => freeBytes < this.#minFreeBytes);
    if (full === undefined) return undefined;
    const needed = `${this.#minFreeBytes} are needed before anything new is set up`;
    return new StewardError('disk-full', `only ${full.freeBytes} bytes are free at ${full.path}; ${needed}`);
  }

  /** Looks at all disks; what it knew stays when one does not answer. */
  async look(): Promise<void> {
    this.#disks = await Promise.all(
      this.#paths.map(async (path) => ({ path, ...(await this.#files.space(path)) })),
    );
  }
}
