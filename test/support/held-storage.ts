import type { Readable } from 'node:stream';
import { StewardError } from '../../src/errors/steward-error.js';
import type {
  GetOptions,
  ObjectName,
  ObjectStorage,
  PutOptions,
  StoredObject,
} from '../../src/storage/object-storage.js';

export type StorageOperation = 'put' | 'get' | 'head' | 'list';

/** A storage whose operations can be held back or made to fail, one kind at a time. */
export class HeldStorage implements ObjectStorage {
  readonly #storage: ObjectStorage;
  readonly #held = new Map<StorageOperation, (() => void)[]>();
  readonly #failing = new Set<StorageOperation>();

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
  }

  hold(operation: StorageOperation): void {
    this.#held.set(operation, []);
  }

  release(operation: StorageOperation): void {
    const waiting = this.#held.get(operation) ?? [];
    this.#held.delete(operation);
    for (const goOn of waiting) goOn();
  }

  /** How many calls are held back now. */
  waiting(operation: StorageOperation): number {
    return this.#held.get(operation)?.length ?? 0;
  }

  fail(operation: StorageOperation): void {
    this.#failing.add(operation);
  }

  mend(operation: StorageOperation): void {
    this.#failing.delete(operation);
  }

  async put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    await this.#pass('put', options.signal, body);
    return this.#storage.put(name, body, options);
  }

  async replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    await this.#pass('put', options.signal, body);
    return this.#storage.replace(name, body, options);
  }

  urlOf(name: ObjectName): string {
    return this.#storage.urlOf(name);
  }

  nameOf(url: string): ObjectName | undefined {
    return this.#storage.nameOf(url);
  }

  async get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    await this.#pass('get', options.signal);
    return this.#storage.get(name, options);
  }

  async head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    await this.#pass('head', signal);
    return this.#storage.head(name, signal);
  }

  settle(name: ObjectName, signal: AbortSignal): Promise<void> {
    return this.#storage.settle(name, signal);
  }

  async *list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncGenerator<StoredObject> {
    await this.#pass('list', signal);
    yield* this.#storage.list(prefix, signal, after);
  }

  delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    return this.#storage.delete(name, signal);
  }

  deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    return this.#storage.deleteMany(names, signal);
  }

  sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    return this.#storage.sign(name, access, signal);
  }

  sweep(signal: AbortSignal): Promise<number> {
    return this.#storage.sweep(signal);
  }

  check(signal: AbortSignal): Promise<void> {
    return this.#storage.check(signal);
  }

  async #pass(operation: StorageOperation, signal: AbortSignal, body?: Readable): Promise<void> {
    const waiting = this.#held.get(operation);
    if (waiting !== undefined) {
      await new Promise<void>((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    if (!this.#failing.has(operation)) return;
    body?.destroy();
    throw new StewardError('storage-unavailable', `the storage fails every ${operation}`);
  }
}
