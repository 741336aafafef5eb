import type { Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { ATTEMPTS_MAX, RETRY_JITTER_FRACTION, RETRY_PAUSE_LONGEST_MS, RETRY_PAUSE_MS } from './bounds.js';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from './object-storage.js';

type RetryWorld = Pick<World, 'clock' | 'random'>;

/** Tries again what failed with `storage-unavailable`, a bounded number of times with growing pauses. */
export class RetryingStorage implements ObjectStorage {
  readonly #storage: ObjectStorage;
  readonly #world: RetryWorld;

  constructor(storage: ObjectStorage, world: RetryWorld) {
    this.#storage = storage;
    this.#world = world;
  }

  urlOf(name: ObjectName): string {
    return this.#storage.urlOf(name);
  }

  nameOf(url: string): ObjectName | undefined {
    return this.#storage.nameOf(url);
  }

  put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    return this.#write(body, options.signal, () => this.#storage.put(name, body, options));
  }

  replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    return this.#write(body, options.signal, () => this.#storage.replace(name, body, options));
  }

  get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    return this.#retry(options.signal, () => this.#storage.get(name, options));
  }

  head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#retry(signal, () => this.#storage.head(name, signal));
  }

  /** A list that breaks off goes on behind the last name it gave. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    let last = '';
    for (let attempt = 1; ; attempt += 1) {
      try {
        for await (const object of this.#storage.list(prefix, signal)) {
          if (object.name <= last) continue;
          last = object.name;
          yield object;
        }
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !isWorthRetrying(error, signal)) throw error;
        await this.#pause(attempt, signal);
      }
    }
  }

  delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#storage.delete(name, signal));
  }

  deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    return this.#retry(signal, () => this.#storage.deleteMany(names, signal));
  }

  sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    return this.#retry(signal, () => this.#storage.sign(name, access, signal));
  }

  /** Asks once: whoever checks wants to know how things are now. */
  check(signal: AbortSignal): Promise<void> {
    return this.#storage.check(signal);
  }

  /** Again only as long as nothing was read of the body, which comes once; it is destroyed on failure. */
  async #write(
    body: Readable,
    signal: AbortSignal,
    work: () => Promise<StoredObject>,
  ): Promise<StoredObject> {
    const isUntouched = () => !body.readableDidRead && !body.destroyed;
    try {
      return await this.#retry(signal, work, isUntouched);
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  async #retry<T>(signal: AbortSignal, work: () => Promise<T>, isPossible = () => true): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !isWorthRetrying(error, signal) || !isPossible()) throw error;
        await this.#pause(attempt, signal);
      }
    }
  }

  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const pause = Math.min(RETRY_PAUSE_MS * 2 ** (attempt - 1), RETRY_PAUSE_LONGEST_MS);
    const jitter = pause * RETRY_JITTER_FRACTION * this.#world.random.fraction();
    await sleep(this.#world.clock, pause + jitter, signal);
  }
}

function isWorthRetrying(error: unknown, signal: AbortSignal): boolean {
  return !signal.aborted && error instanceof StewardError && error.code === 'storage-unavailable';
}
