import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import type { Layer } from './layer-records.js';
import type { LayerStore, NewLayer } from './layer-store.js';

export interface HoldRequest extends NewLayer {
  readonly key: string;
  readonly expectedBytes: number;
}

/** A layer that cannot go while it is given out. */
export interface Hold {
  readonly wasKept: boolean;
  release(): void;
}

export interface RoomLimits {
  readonly maxBytes: number;
  readonly maxLayers: number;
}

type Unpack = (into: string) => Promise<void>;

interface Filling {
  readonly bytes: number;
  readonly done: Promise<Layer | undefined>;
}

/** Who may fill which layer, and which one has to go for it. One fills, others who want the same wait for it. */
export class LayerRoom {
  readonly #store: LayerStore;
  readonly #limits: RoomLimits;
  /** Whether content on the disk stands on a layer. */
  readonly #isUsed: (key: string) => boolean;
  /** How many are being given each layer just now. */
  readonly #held = new Map<string, number>();
  readonly #filling = new Map<string, Filling>();
  /** Room is made for one at a time, so that two do not count on the same. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: LayerStore, limits: RoomLimits, isUsed: (key: string) => boolean) {
    this.#store = store;
    this.#limits = limits;
    this.#isUsed = isUsed;
  }

  /** The layer of the key, filled if need be; undefined when there is no room for it. Fails as `unpack` does. */
  async hold(request: HoldRequest, unpack: Unpack): Promise<Hold | undefined> {
    const { key } = request;
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    try {
      const found = await this.#find(request, unpack);
      if (found !== 'no-room') return { wasKept: found === 'kept', release: () => this.#release(key) };
    } catch (error) {
      this.#release(key);
      throw error;
    }
    this.#release(key);
    return undefined;
  }

  /** Removes what may not be given any more and is not used, and what is beyond the limits. */
  async sweep(): Promise<void> {
    for (const { key, isSuspect } of [...this.#store.layers()]) {
      if (isSuspect && this.#isFree(key)) await this.#store.remove(key);
    }
    await this.#makeRoom(this.#limits);
  }

  async #find(request: HoldRequest, unpack: Unpack): Promise<'kept' | 'filled' | 'no-room'> {
    const { key, signal } = request;
    for (;;) {
      signal.throwIfAborted();
      const others = this.#filling.get(key);
      if (others === undefined) break;
      // One that was called off or found its archive damaged says nothing about the next try.
      const end = await raced(
        others.done.then(endOf, () => 'failed' as const),
        signal,
      );
      if (end === 'no-room') return end;
    }
    const layer = this.#store.find(key);
    if (layer === undefined) return endOf(await this.#fill(request, unpack));
    if (!layer.isSuspect && (await this.#store.hasTree(key))) return 'kept';
    // What is damaged cannot be replaced below those who stand on it.
    if (this.#isUsed(key) || (this.#held.get(key) ?? 0) > 1) return 'no-room';
    return endOf(await this.#fill(request, unpack));
  }

  async #fill(request: HoldRequest, unpack: Unpack): Promise<Layer | undefined> {
    const { key, expectedBytes: bytes } = request;
    if (bytes > this.#limits.maxBytes) return undefined;
    const done = Promise.resolve().then(() => this.#filled(request, unpack));
    this.#filling.set(key, { bytes, done });
    try {
      return await done;
    } finally {
      this.#filling.delete(key);
    }
  }

  /** undefined when it does not fit. A full disk is the limit nobody configured: what is not needed gives way. */
  async #filled(request: HoldRequest, unpack: Unpack): Promise<Layer | undefined> {
    if (this.#store.find(request.key) !== undefined) await this.#store.remove(request.key);
    if (!(await this.#makeRoom(this.#limits))) return undefined;
    try {
      return await this.#store.add(request.key, unpack, request);
    } catch (error) {
      request.signal.throwIfAborted();
      if (!isFull(error)) throw error;
      await this.#makeRoom({ maxBytes: 0, maxLayers: 0 });
      return undefined;
    }
  }

  #makeRoom(limits: RoomLimits): Promise<boolean> {
    const turn = this.#turn.then(() => this.#evict(limits));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The least recently used go first; answers whether all that are there and those under way fit then. */
  async #evict(limits: RoomLimits): Promise<boolean> {
    const free = [...this.#store.layers()].filter(({ key }) => this.#isFree(key));
    free.sort((one, other) => one.usedAtMs - other.usedAtMs);
    for (const { key } of free) {
      if (this.#fits(limits)) return true;
      if (this.#isFree(key)) await this.#store.remove(key);
    }
    return this.#fits(limits);
  }

  #fits(limits: RoomLimits): boolean {
    const all = [...this.#store.layers(), ...this.#filling.values()];
    const bytes = all.reduce((sum, layer) => sum + layer.bytes, 0);
    return bytes <= limits.maxBytes && all.length <= limits.maxLayers;
  }

  #isFree(key: string): boolean {
    return !this.#held.has(key) && !this.#isUsed(key);
  }

  #release(key: string): void {
    const left = (this.#held.get(key) ?? 1) - 1;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }
}

function endOf(layer: Layer | undefined): 'filled' | 'no-room' {
  return layer === undefined ? 'no-room' : 'filled';
}

function isFull(error: unknown): boolean {
  if (error instanceof StewardError) return error.code === 'disk-full';
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
}

/** What others do goes on when this one is called off. */
function raced<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
