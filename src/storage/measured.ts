import type { Readable } from 'node:stream';
import { Counter, Histogram, type Registry } from 'prom-client';
import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from './object-storage.js';

type Operation =
  | 'put'
  | 'replace'
  | 'get'
  | 'head'
  | 'settle'
  | 'list'
  | 'delete'
  | 'delete-many'
  | 'sign'
  | 'sweep'
  | 'check';

/** Counts and times every operation, by outcome: `ok`, an error code, or `cancelled`. */
export class MeasuredStorage implements ObjectStorage {
  readonly #storage: ObjectStorage;
  readonly #clock: Clock;
  readonly #seconds: Histogram<'backend' | 'operation' | 'outcome'>;
  readonly #written: Counter<'backend'>;
  readonly #backend: string;

  constructor(storage: ObjectStorage, clock: Clock, registry: Registry, backend: string) {
    this.#backend = backend;
    this.#storage = storage;
    this.#clock = clock;
    this.#seconds = new Histogram({
      name: 'steward_storage_operation_seconds',
      help: 'Duration of operations on the object storage.',
      labelNames: ['backend', 'operation', 'outcome'],
      buckets: [0.001, 0.01, 0.1, 1, 10, 60, 600],
      registers: [registry],
    });
    this.#written = new Counter({
      name: 'steward_storage_written_bytes_total',
      help: 'Bytes of objects stored.',
      labelNames: ['backend'],
      registers: [registry],
    });
  }

  urlOf(name: ObjectName): string {
    return this.#storage.urlOf(name);
  }

  nameOf(url: string): ObjectName | undefined {
    return this.#storage.nameOf(url);
  }

  async put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    const object = await this.#measure('put', options.signal, () => this.#storage.put(name, body, options));
    this.#written.inc({ backend: this.#backend }, object.sizeBytes);
    return object;
  }

  async replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    const work = () => this.#storage.replace(name, body, options);
    const object = await this.#measure('replace', options.signal, work);
    this.#written.inc({ backend: this.#backend }, object.sizeBytes);
    return object;
  }

  /** Times until the bytes begin to come, not until the last one has been read. */
  get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    return this.#measure('get', options.signal, () => this.#storage.get(name, options));
  }

  head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#measure('head', signal, () => this.#storage.head(name, signal));
  }

  settle(name: ObjectName, signal: AbortSignal): Promise<void> {
    return this.#measure('settle', signal, () => this.#storage.settle(name, signal));
  }

  async *list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncGenerator<StoredObject> {
    const start = this.#clock.monotonic();
    try {
      yield* this.#storage.list(prefix, signal, after);
      this.#observe('list', start, 'ok');
    } catch (error) {
      this.#observe('list', start, outcomeOf(error, signal));
      throw error;
    }
  }

  delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    return this.#measure('delete', signal, () => this.#storage.delete(name, signal));
  }

  deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    return this.#measure('delete-many', signal, () => this.#storage.deleteMany(names, signal));
  }

  sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    return this.#measure('sign', signal, () => this.#storage.sign(name, access, signal));
  }

  sweep(signal: AbortSignal): Promise<number> {
    return this.#measure('sweep', signal, () => this.#storage.sweep(signal));
  }

  check(signal: AbortSignal): Promise<void> {
    return this.#measure('check', signal, () => this.#storage.check(signal));
  }

  async #measure<T>(operation: Operation, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const start = this.#clock.monotonic();
    try {
      const result = await work();
      this.#observe(operation, start, 'ok');
      return result;
    } catch (error) {
      this.#observe(operation, start, outcomeOf(error, signal));
      throw error;
    }
  }

  #observe(operation: Operation, start: number, outcome: string): void {
    const labels = { backend: this.#backend, operation, outcome };
    this.#seconds.observe(labels, (this.#clock.monotonic() - start) / 1000);
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'cancelled';
  return error instanceof StewardError ? error.code : 'internal';
}
