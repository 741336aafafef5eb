import { join } from 'node:path';
import { makeDurableDirectory } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';
import type { AlarmListener } from '../../records/alarm.js';
import { RecordStore } from '../../records/record-store.js';
import { syncFolder } from '../sync-folder.js';
import { createSubvolume, deleteSubvolume, makeReadOnly } from './btrfs.js';
import { type Layer, layerSchema } from './layer-records.js';
import { copyFolderAlone } from './tree-copy.js';
import { sealTree } from './tree-seal.js';

export interface LayerStoreOptions {
  /** `layers` of the working area; nobody else writes there. */
  readonly folder: string;
  readonly setAside: string;
  readonly onAlarm: AlarmListener;
}

export interface NewLayer {
  /** The folder whose owner and permissions an unpack starts from. */
  readonly like: string;
  readonly isSubvolume: boolean;
  readonly signal: AbortSignal;
}

/**
 * The layers of a node on disk: `trees/<key>/tree` with what was unpacked, `trees/<key>/root` with nothing but the
 * attributes of its topmost folder, and a record of each, written last. `new` holds what is being unpacked.
 */
export class LayerStore {
  readonly #world: World;
  readonly #folder: string;
  readonly #records: RecordStore<Layer>;
  readonly #layers = new Map<string, Layer>();

  private constructor(world: World, folder: string, records: RecordStore<Layer>) {
    this.#world = world;
    this.#folder = folder;
    this.#records = records;
  }

  /**
   * Reads the records and removes what has none, which an interrupted life left; not what `isNeeded` says an
   * instance stands on, whatever became of its record.
   */
  static async open(
    world: World,
    options: LayerStoreOptions,
    isNeeded: (key: string) => boolean,
  ): Promise<LayerStore> {
    const { folder, setAside, onAlarm } = options;
    for (const name of ['trees', 'new']) await makeDurableDirectory(world.files, join(folder, name), 0o700);
    const records = await RecordStore.open(world, {
      folder: join(folder, 'records'),
      setAside,
      schema: layerSchema,
      onAlarm,
    });
    const store = new LayerStore(world, folder, records);
    for await (const { body } of records.loadAll()) store.#layers.set(body.key, body);
    await store.#clean(isNeeded);
    return store;
  }

  layers(): IterableIterator<Layer> {
    return this.#layers.values();
  }

  find(key: string): Layer | undefined {
    return this.#layers.get(key);
  }

  treeOf(key: string): string {
    return join(this.#folder, 'trees', key, 'tree');
  }

  rootOf(key: string): string {
    return join(this.#folder, 'trees', key, 'root');
  }

  /** Whether the tree of a layer is where it belongs. */
  async hasTree(key: string): Promise<boolean> {
    return (await this.#world.files.stat(this.treeOf(key)))?.kind === 'directory';
  }

  /**
   * A new layer: `fill` unpacks into an empty folder that is like another; what it made is synced, sealed and
   * named. Whatever fails leaves nothing.
   */
  async add(key: string, fill: (into: string) => Promise<void>, options: NewLayer): Promise<Layer> {
    const { files, clock, random } = this.#world;
    const { signal } = options;
    const home = join(this.#folder, 'new', `${key}-${random.uuid()}`);
    const tree = join(home, 'tree');
    try {
      await files.makeDirectory(home, 0o700);
      await this.#makeTree(tree, options);
      await fill(tree);
      await files.makeDirectory(join(home, 'root'), 0o700);
      await copyFolderAlone(this.#world, tree, join(home, 'root'), signal);
      await syncFolder(this.#world, home, signal);
      const seal = await sealTree(this.#world, tree, signal);
      if (options.isSubvolume) await makeReadOnly(this.#world, tree, signal);
      const now = clock.now();
      const layer: Layer = { key, createdAtMs: now, usedAtMs: now, ...seal, isSuspect: false };
      await this.#put(home, layer);
      return layer;
    } catch (error) {
      await this.#removeTree(home);
      throw error;
    }
  }

  /** When a layer was used last decides which one has to go; a time that cannot be written is no harm. */
  async touch(key: string): Promise<void> {
    const layer = this.#layers.get(key);
    if (layer === undefined) return;
    const touched = { ...layer, usedAtMs: this.#world.clock.now() };
    this.#layers.set(key, touched);
    await this.#records.write(key, touched).catch(() => undefined);
  }

  async suspect(key: string): Promise<void> {
    const layer = this.#layers.get(key);
    if (layer === undefined) return;
    this.#layers.set(key, { ...layer, isSuspect: true });
    await this.#records.write(key, { ...layer, isSuspect: true });
  }

  /** From the first step on it is given to nobody; a crash leaves a tree without a record. */
  async remove(key: string): Promise<void> {
    this.#layers.delete(key);
    await this.#records.remove(key);
    await this.#removeTree(join(this.#folder, 'trees', key));
  }

  async flush(): Promise<void> {
    await this.#records.flush();
  }

  async #makeTree(tree: string, options: NewLayer): Promise<void> {
    const { files } = this.#world;
    const like = await files.stat(options.like);
    if (options.isSubvolume) await createSubvolume(this.#world, tree, options.signal);
    else await files.makeDirectory(tree, 0o700);
    if (like === undefined) return;
    await files.chmod(tree, like.mode);
    await files.chown(tree, like.uid, like.gid);
  }

  async #put(home: string, layer: Layer): Promise<void> {
    const { files } = this.#world;
    const trees = join(this.#folder, 'trees');
    await files.rename(home, join(trees, layer.key));
    await files.syncDirectory(trees);
    await files.syncDirectory(join(this.#folder, 'new'));
    try {
      await this.#records.write(layer.key, layer);
      this.#layers.set(layer.key, layer);
    } catch (error) {
      await this.#removeTree(join(trees, layer.key));
      throw error;
    }
  }

  async #clean(isNeeded: (key: string) => boolean): Promise<void> {
    const { files } = this.#world;
    for (const { name } of await files.list(join(this.#folder, 'new'))) {
      await this.#removeTree(join(this.#folder, 'new', name));
    }
    for (const { name } of await files.list(join(this.#folder, 'trees'))) {
      if (this.#layers.has(name) || isNeeded(name)) continue;
      await this.#removeTree(join(this.#folder, 'trees', name));
    }
    for (const key of [...this.#layers.keys()]) {
      if (!(await this.hasTree(key)) && !isNeeded(key)) await this.remove(key);
    }
  }

  /** A tree may be a subvolume, whose entries cannot be removed while it is read-only. */
  async #removeTree(home: string): Promise<void> {
    const { files } = this.#world;
    const isGone = await deleteSubvolume(this.#world, join(home, 'tree'), new AbortController().signal);
    if (isGone || (await files.stat(home)) !== undefined) await files.remove(home);
  }
}
