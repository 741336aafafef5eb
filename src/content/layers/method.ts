import { join } from 'node:path';
import type { World } from '../../gateways/world.js';
import { cloneSubvolume, createSubvolume, deleteSubvolume } from './btrfs.js';
import { isPlainPath } from './mount-table.js';
import { makeOverlayHome, mountOverlay, unmountOverlay } from './overlay.js';
import { copyTree } from './tree-copy.js';

/** How an instance gets the content of a layer. */
export type LayerMethod = 'btrfs' | 'overlay' | 'reflink' | 'copy';

/** Best first: a subvolume needs nothing of the layer afterwards, an overlay needs no blocks of its own. */
export const LAYER_METHODS: readonly LayerMethod[] = ['btrfs', 'overlay', 'reflink', 'copy'];

export interface ProbePlaces {
  /** Where layers are, where content is, and where the changes of overlays are. */
  readonly layers: string;
  readonly content: string;
  readonly overlays: string;
}

export interface Probed {
  readonly method: LayerMethod | undefined;
  /** Why the methods before it do not work here, for people. */
  readonly refused: readonly { readonly method: LayerMethod; readonly reason: string }[];
}

/**
 * Tries each method in the very folders it will be used in, and takes the first that gives a file and takes it back.
 * Names of trials start with a dot, as no instance does; a trial that was killed is cleaned up by the next.
 */
export async function probeMethod(
  world: World,
  places: ProbePlaces,
  candidates: readonly LayerMethod[],
  signal: AbortSignal,
): Promise<Probed> {
  const refused: { method: LayerMethod; reason: string }[] = [];
  for (const method of candidates) {
    const trial = new Trial(world, places, signal);
    try {
      await trial.clear();
      await trial.run(method);
      return { method, refused };
    } catch (error) {
      signal.throwIfAborted();
      refused.push({ method, reason: error instanceof Error ? error.message : String(error) });
    } finally {
      await trial.clear();
    }
  }
  return { method: undefined, refused };
}

class Trial {
  readonly #world: World;
  readonly #signal: AbortSignal;
  readonly #layer: string;
  readonly #content: string;
  readonly #home: string;

  constructor(world: World, places: ProbePlaces, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
    this.#layer = join(places.layers, '.trial');
    this.#content = join(places.content, '.layer-trial');
    this.#home = join(places.overlays, '.trial');
  }

  async run(method: LayerMethod): Promise<void> {
    const { files } = this.#world;
    if (method === 'btrfs') await createSubvolume(this.#world, this.#layer, this.#signal);
    else await files.makeDirectory(this.#layer, 0o700);
    await files.write(join(this.#layer, 'file'), 'trial');
    if (method !== 'btrfs') await files.makeDirectory(this.#content, 0o700);
    await this.#give(method);
    const seen = await files.read(join(this.#content, 'file'), 100);
    await files.write(join(this.#content, 'file'), 'changed');
    const kept = await files.read(join(this.#layer, 'file'), 100);
    if (seen.toString() !== 'trial' || kept.toString() !== 'trial') throw new Error('it gives other bytes');
  }

  async clear(): Promise<void> {
    const { files } = this.#world;
    await unmountOverlay(this.#world, { folder: this.#content, home: this.#home }, this.#signal);
    for (const path of [this.#content, this.#layer, this.#home]) {
      if (!(await deleteSubvolume(this.#world, path, this.#signal))) await files.remove(path);
    }
  }

  async #give(method: LayerMethod): Promise<void> {
    switch (method) {
      case 'btrfs':
        return cloneSubvolume(this.#world, this.#layer, this.#content, this.#signal);
      case 'overlay': {
        const place = { folder: this.#content, home: this.#home, lower: this.#layer };
        if (!Object.values(place).every(isPlainPath))
          throw new Error('a path has characters mount cannot take');
        const root = join(this.#layer, 'root');
        await this.#world.files.makeDirectory(root, 0o700);
        await makeOverlayHome(this.#world, place, root, this.#signal);
        return mountOverlay(this.#world, place, this.#signal);
      }
      case 'reflink':
        return copyTree(this.#world, this.#layer, this.#content, 'always', this.#signal);
      case 'copy':
        return copyTree(this.#world, this.#layer, this.#content, 'never', this.#signal);
    }
  }
}
