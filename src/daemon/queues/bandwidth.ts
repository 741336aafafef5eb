import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { ObjectStorage } from '../../storage/object-storage.js';
import { BANDWIDTH_BURST_MS } from '../bounds.js';

/** One line that all uploads of a node share; who takes from it waits until it is his turn. */
export class Bandwidth {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When everything that was taken so far has gone out, on the monotonic clock. */
  #busyUntil = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The same storage, into which nothing is put faster; what is read from it is not held back. */
  limiting(storage: ObjectStorage): ObjectStorage {
    return {
      urlOf: (name) => storage.urlOf(name),
      nameOf: (url) => storage.nameOf(url),
      put: (name, body, options) => storage.put(name, this.#slowed(body, options.signal), options),
      replace: (name, body, options) => storage.replace(name, this.#slowed(body, options.signal), options),
      get: (name, options) => storage.get(name, options),
      head: (name, signal) => storage.head(name, signal),
      settle: (name, signal) => storage.settle(name, signal),
      list: (prefix, signal, after) => storage.list(prefix, signal, after),
      delete: (name, signal) => storage.delete(name, signal),
      deleteMany: (names, signal) => storage.deleteMany(names, signal),
      sign: (name, access, signal) => storage.sign(name, access, signal),
      sweep: (signal) => storage.sweep(signal),
      check: (signal) => storage.check(signal),
    };
  }

  #slowed(body: Readable, signal: AbortSignal): Readable {
    const slow = new Transform({
      transform: (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) => {
        this.#take(chunk.length, signal).then(
          () => done(null, chunk),
          (error: Error) => done(error),
        );
      },
    });
    return pipeline(body, slow, () => undefined);
  }

  async #take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#busyUntil = Math.max(now, this.#busyUntil) + (bytes / this.#bytesPerSecond) * 1000;
    const waitMs = this.#busyUntil - now - BANDWIDTH_BURST_MS;
    if (waitMs > 0) await sleep(this.#clock, waitMs, signal);
  }
}
