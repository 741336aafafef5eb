import { join } from 'node:path';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import { makeDurableDirectory } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';
import type { AlarmListener } from '../../records/alarm.js';
import { RecordStore } from '../../records/record-store.js';
import { type LayerUse, layerUseSchema } from './layer-records.js';
import type { LayerStore } from './layer-store.js';
import { countOverlays } from './mount-table.js';
import {
  isBare,
  makeOverlayHome,
  mountOverlay,
  type OverlayPlace,
  uncover,
  unmountOverlay,
} from './overlay.js';

export interface OverlayInstancesOptions {
  /** For the records, nothing else. */
  readonly folder: string;
  /** Holds what each instance changed, in a folder named after it; on the disk of the content. */
  readonly overlays: string;
  readonly setAside: string;
  readonly onAlarm: AlarmListener;
  readonly onNote: (text: string, error?: unknown) => void;
}

/**
 * The instances whose content is an overlay over a layer. Each has a record, which is on disk before its mount and
 * goes after everything else of it: use counts are made of these and cannot drift.
 */
export class OverlayInstances {
  readonly #world: World;
  readonly #options: OverlayInstancesOptions;
  readonly #records: RecordStore<LayerUse>;
  readonly #uses = new Map<InstanceId, LayerUse>();
  /** Those whose record was damaged: nobody knows which layer they stand on. */
  readonly #unknown = new Set<InstanceId>();

  private constructor(world: World, options: OverlayInstancesOptions, records: RecordStore<LayerUse>) {
    this.#world = world;
    this.#options = options;
    this.#records = records;
  }

  static async open(world: World, options: OverlayInstancesOptions): Promise<OverlayInstances> {
    const { folder, overlays, setAside, onAlarm } = options;
    await makeDurableDirectory(world.files, overlays, 0o700);
    const records = await RecordStore.open(world, { folder, setAside, schema: layerUseSchema, onAlarm });
    const instances = new OverlayInstances(world, options, records);
    for await (const { body } of records.loadAll()) instances.#uses.set(body.instance, body);
    for (const { name } of await world.files.list(overlays)) {
      if (isInstanceId(name) && !instances.#uses.has(name)) instances.#unknown.add(name);
    }
    return instances;
  }

  uses(): readonly LayerUse[] {
    return [...this.#uses.values()];
  }

  /** Any layer may be the one that an instance without a record stands on. */
  isUsed(key: string): boolean {
    return this.#unknown.size > 0 || this.uses().some((use) => use.key === key);
  }

  /** Mounts new changes over the layer at the folder. */
  async provide(
    instance: InstanceId,
    folder: string,
    layer: { readonly key: string; readonly tree: string; readonly root: string },
    signal: AbortSignal,
  ): Promise<void> {
    const place = { folder, home: this.#homeOf(instance), lower: layer.tree };
    const use: LayerUse = { instance, key: layer.key, since: this.#world.clock.now() };
    this.#uses.set(instance, use);
    await this.#records.write(instance, use);
    await makeOverlayHome(this.#world, place, layer.root, signal);
    await mountOverlay(this.#world, place, signal);
  }

  /** See LayerCache. */
  async reattach(
    instance: InstanceId,
    folder: string,
    store: LayerStore,
    signal: AbortSignal,
  ): Promise<'own' | 'attached' | 'lost'> {
    const use = this.#uses.get(instance);
    if (use === undefined) {
      await this.requireAttached(instance, folder);
      return 'own';
    }
    const place: OverlayPlace = { folder, home: this.#homeOf(instance), lower: store.treeOf(use.key) };
    if ((await this.#world.files.stat(join(place.home, 'upper')))?.kind !== 'directory') return 'lost';
    if (await this.#isMounted(place.home)) return 'attached';
    if (!(await store.hasTree(use.key))) throw missing(instance, `layer ${use.key} is gone from this node`);
    await mountOverlay(this.#world, place, signal);
    return 'attached';
  }

  /** See LayerCache. A workspace may have a file named as our marker: then the mount table decides. */
  async requireAttached(instance: InstanceId, folder: string): Promise<void> {
    if (!this.#uses.has(instance) && !this.#unknown.has(instance)) return;
    if (!(await isBare(this.#world, folder))) return;
    if (!(await this.#isMounted(this.#homeOf(instance)))) throw missing(instance, 'it is not mounted');
  }

  /** Unmounts and removes what the instance changed; answers false for one that is no overlay. */
  async release(instance: InstanceId, folder: string, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#isOverlay(instance))) return false;
    await this.#end(instance, folder, (home) => this.#world.files.remove(home), signal);
    return true;
  }

  /** Unmounts and moves what the instance changed, and the bare folder goes; answers false for one that is no overlay. */
  async abandon(instance: InstanceId, folder: string, to: string, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#isOverlay(instance))) return false;
    await this.#end(instance, folder, (home) => this.#world.files.rename(home, to), signal);
    const { files } = this.#world;
    if ((await files.list(folder)).length === 0) await files.remove(folder);
    return true;
  }

  async flush(): Promise<void> {
    await this.#records.flush();
  }

  async #end(
    instance: InstanceId,
    folder: string,
    dispose: (home: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const home = this.#homeOf(instance);
    if ((await unmountOverlay(this.#world, { folder, home }, signal)) === 'detached') {
      this.#options.onNote(`the overlay on ${folder} was in use and had to be detached`);
    }
    if ((await this.#world.files.stat(home)) !== undefined) await dispose(home);
    await uncover(this.#world, folder);
    await this.#records.remove(instance);
    this.#uses.delete(instance);
    this.#unknown.delete(instance);
  }

  /** Also when its record was damaged and set aside. */
  async #isOverlay(instance: InstanceId): Promise<boolean> {
    return this.#uses.has(instance) || (await this.#world.files.stat(this.#homeOf(instance))) !== undefined;
  }

  async #isMounted(home: string): Promise<boolean> {
    return (await countOverlays(this.#world.files, join(home, 'upper'))) > 0;
  }

  #homeOf(instance: InstanceId): string {
    return join(this.#options.overlays, instance);
  }
}

function missing(instance: InstanceId, why: string): StewardError {
  return new StewardError('layer-missing', `the content of ${instance} cannot be seen: ${why}`);
}
