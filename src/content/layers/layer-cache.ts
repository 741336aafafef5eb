import { join } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import { makeDurableDirectory } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';
import type { AlarmListener } from '../../records/alarm.js';
import { isEmptyFolder } from '../folder-entries.js';
import { cloneSubvolume, deleteSubvolume } from './btrfs.js';
import type { Layer } from './layer-records.js';
import { LayerRoom } from './layer-room.js';
import { LayerStore } from './layer-store.js';
import { LAYER_METHODS, type LayerMethod, type Probed, probeMethod } from './method.js';
import { OverlayInstances } from './overlay-instances.js';
import { copyTree, reflinkTree } from './tree-copy.js';
import { sealTree } from './tree-seal.js';

export interface LayerSettings {
  readonly method: 'auto' | LayerMethod | 'off';
  /** Of all layers together, and how many. Layers in use stay whatever this says; then nothing is added. */
  readonly maxBytes: number;
  readonly maxLayers: number;
}

export interface LayerCacheOptions {
  readonly settings: LayerSettings;
  /** Folders of the working area. */
  readonly layers: string;
  readonly workspaces: string;
  readonly overlays: string;
  readonly setAside: string;
  readonly onAlarm: AlarmListener;
  /** Told what did not go as it should without failing anybody, in words for the log. */
  readonly onNote: (text: string, error?: unknown) => void;
}

export interface LayerRequest {
  /** 64 hexadecimal digits that stand for exactly these bytes: the digest of a snapshot. */
  readonly key: string;
  /** An existing empty folder. */
  readonly folder: string;
  readonly instance: InstanceId;
  /** About what the content will take on the disk. */
  readonly expectedBytes: number;
  readonly signal: AbortSignal;
}

/** How the folder got its content: `direct` is an unpack of its own. */
export interface Provided {
  readonly method: LayerMethod | 'direct';
  /** Whether the layer was there already. */
  readonly wasKept: boolean;
}

type Unpack = (into: string) => Promise<void>;

/**
 * Unpacked snapshots that are kept on the node, so that further instances start from them without fetching and
 * unpacking. All that has to hold over a crash is on disk: a layer counts once its record is written, and which
 * instances stand on it is read from a record of each, written before its mount.
 */
export class LayerCache {
  readonly #world: World;
  readonly #options: LayerCacheOptions;
  readonly #store: LayerStore;
  readonly #overlays: OverlayInstances;
  readonly #room: LayerRoom;
  #probing: Promise<Probed> | undefined;

  private constructor(
    world: World,
    options: LayerCacheOptions,
    store: LayerStore,
    overlays: OverlayInstances,
  ) {
    this.#world = world;
    this.#options = options;
    this.#store = store;
    this.#overlays = overlays;
    this.#room = new LayerRoom(store, options.settings, (key) => overlays.isUsed(key));
  }

  /** Removes what interrupted lives left; mounts nothing yet. */
  static async open(world: World, options: LayerCacheOptions): Promise<LayerCache> {
    await makeDurableDirectory(world.files, options.layers, 0o700);
    const overlays = await OverlayInstances.open(world, { ...options, folder: join(options.layers, 'uses') });
    const store = await LayerStore.open(world, { ...options, folder: options.layers }, (key) =>
      overlays.isUsed(key),
    );
    return new LayerCache(world, options, store, overlays);
  }

  /** What is used here, and why nothing better is; tried once, when first asked. */
  method(signal: AbortSignal): Promise<Probed> {
    const { settings, layers, workspaces, overlays } = this.#options;
    if (settings.method === 'off') return Promise.resolve({ method: undefined, refused: [] });
    const candidates = settings.method === 'auto' ? LAYER_METHODS : [settings.method];
    this.#probing ??= probeMethod(this.#world, { layers, content: workspaces, overlays }, candidates, signal);
    this.#probing.catch(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  /** Every layer there is, and the instances that stand on it. */
  layers(): readonly (Layer & { readonly instances: readonly InstanceId[] })[] {
    const uses = this.#overlays.uses();
    return [...this.#store.layers()].map((layer) => ({
      ...layer,
      instances: uses.filter(({ key }) => key === layer.key).map(({ instance }) => instance),
    }));
  }

  /** Instances whose content stands on a layer. */
  users(): ReadonlySet<InstanceId> {
    return new Set(this.#overlays.uses().map(({ instance }) => instance));
  }

  /**
   * Gives the folder the content that `unpack` would put into it. What makes a layer impossible (no method, no room,
   * a full disk) is no failure: the folder itself is unpacked into then. Fails as `unpack` does.
   */
  async populate(request: LayerRequest, unpack: Unpack): Promise<Provided> {
    const { signal, folder, key } = request;
    const { method } = await this.method(signal);
    if (method === undefined || !(await isEmptyFolder(this.#world.files, folder)))
      return direct(folder, unpack);
    const isSubvolume = method === 'btrfs';
    const hold = await this.#room.hold({ ...request, like: folder, isSubvolume }, unpack);
    if (hold === undefined) return direct(folder, unpack);
    try {
      await this.#provide(method, request);
      // Nobody waits for it, and it never fails.
      void this.#store.touch(key);
      return { method, wasKept: hold.wasKept };
    } catch (error) {
      signal.throwIfAborted();
      this.#options.onNote(`a layer could not be given by ${method}; unpacked instead`, error);
      await this.#startOver(request);
    } finally {
      hold.release();
    }
    return direct(folder, unpack);
  }

  /**
   * After a restart, before anybody looks at the content: mounts what a reboot took away. Fails with `layer-missing`,
   * touching nothing, when the layer is not there any more; `lost` means that the instance's own changes are gone.
   */
  reattach(instance: InstanceId, folder: string, signal: AbortSignal): Promise<'own' | 'attached' | 'lost'> {
    return this.#overlays.reattach(instance, folder, this.#store, signal);
  }

  /** Fails with `layer-missing` when the content is not mounted where it should be: an empty folder is no content. */
  async requireAttached(instance: InstanceId, folder: string): Promise<void> {
    await this.#overlays.requireAttached(instance, folder);
  }

  /**
   * Before the folder of an instance is removed, or filled anew: unmounts, and removes what the instance had changed.
   * May be repeated; fine for an instance without a layer.
   */
  async release(instance: InstanceId, folder: string, signal: AbortSignal): Promise<void> {
    if (await this.#overlays.release(instance, folder, signal)) return;
    // Much faster than entry by entry; what stays, the removal of the folder takes.
    await deleteSubvolume(this.#world, folder, signal).catch(() => signal.throwIfAborted());
  }

  /**
   * For content that nobody owns: unmounts, and moves what the instance had changed to `to`, on the same disk.
   * Answers false for an instance without a layer, whose folder is all there is.
   */
  abandon(instance: InstanceId, folder: string, to: string, signal: AbortSignal): Promise<boolean> {
    return this.#overlays.abandon(instance, folder, to, signal);
  }

  /**
   * Looks whether every layer is what it was; one that is not is given to nobody any more and goes when nobody uses
   * it. Reads no content. Answers with the keys of those found changed.
   */
  async inspect(signal: AbortSignal): Promise<readonly string[]> {
    const changed: string[] = [];
    for (const { key, digest, isSuspect } of [...this.#store.layers()]) {
      if (isSuspect) continue;
      const seal = await sealTree(this.#world, this.#store.treeOf(key), signal).catch(() => undefined);
      signal.throwIfAborted();
      if (seal?.digest === digest || this.#store.find(key) === undefined) continue;
      changed.push(key);
      await this.#store.suspect(key);
      this.#options.onNote(`layer ${key} was changed on the node; it is not given to instances any more`);
    }
    await this.#room.sweep();
    return changed;
  }

  async flush(): Promise<void> {
    await this.#store.flush();
    await this.#overlays.flush();
  }

  async #provide(method: LayerMethod, request: LayerRequest): Promise<void> {
    const { key, folder, instance, signal } = request;
    const tree = this.#store.treeOf(key);
    switch (method) {
      case 'btrfs':
        await this.#world.files.remove(folder);
        return cloneSubvolume(this.#world, tree, folder, signal);
      case 'overlay':
        return this.#overlays.provide(instance, folder, { key, tree, root: this.#store.rootOf(key) }, signal);
      case 'reflink':
        return this.#store.find(key)?.hasLinkedFiles === false
          ? reflinkTree(this.#world, tree, folder, signal)
          : copyTree(this.#world, tree, folder, 'always', signal);
      case 'copy':
        return copyTree(this.#world, tree, folder, 'never', signal);
    }
  }

  /** An empty folder again, with the owner that content has. */
  async #startOver({ folder, instance, signal, key }: LayerRequest): Promise<void> {
    const { files } = this.#world;
    await this.release(instance, folder, signal);
    await files.remove(folder);
    await files.makeDirectory(folder, 0o755);
    const like = await files.stat(this.#store.rootOf(key));
    if (like !== undefined) await files.chown(folder, like.uid, like.gid);
  }
}

async function direct(folder: string, unpack: Unpack): Promise<Provided> {
  await unpack(folder);
  return { method: 'direct', wasKept: false };
}
