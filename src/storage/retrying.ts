import type { Readable } from 'node:stream';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from './object-storage.js';
import { isWorthRetrying, pauseAfter, type RetryWorld, retry } from './retry.js';

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
    return retry(this.#world, options.signal, () => this.#storage.get(name, options));
  }

  head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    return retry(this.#world, signal, () => this.#storage.head(name, signal));
  }

  settle(name: ObjectName, signal: AbortSignal): Promise<void> {
    return retry(this.#world, signal, () => this.#storage.settle(name, signal));
  }

  /** A list that breaks off goes on behind the last name it gave. */
  async *list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncGenerator<StoredObject> {
    let last = after ?? '';
    for (let attempt = 1; ; attempt += 1) {
      try {
        for await (const object of this.#storage.list(prefix, signal, last === '' ? undefined : last)) {
          if (object.name <= last) continue;
          last = object.name;
          yield object;
        }
        return;
      } catch (error) {
        if (!isWorthRetrying(attempt, error, signal)) throw error;
        await pauseAfter(this.#world, attempt, signal);
      }
    }
  }

  delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    return retry(this.#world, signal, () => this.#storage.delete(name, signal));
  }

  deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    return retry(this.#world, signal, () => this.#storage.deleteMany(names, signal));
  }

  sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    return retry(this.#world, signal, () => this.#storage.sign(name, access, signal));
  }

  sweep(signal: AbortSignal): Promise<number> {
    return this.#storage.sweep(signal);
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
      return await retry(this.#world, signal, work, isUntouched);
    } catch (error) {
      body.destroy();
      throw error;
    }
  }
}
