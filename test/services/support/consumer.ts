import { Redis } from 'ioredis';
import { isObject } from '../../../src/bridge/pipeline/json.js';
import type { RowReader, SeenRow } from './row-reader.js';

/** What consumers of the compatible system do: they hear that an instance has changed, and read its row. */
export class Consumer {
  /** Each instance's row as it was read after the last message about it. */
  readonly known = new Map<string, SeenRow>();
  /** Of each prebuild, the states that were told, in order. */
  readonly prebuilds = new Map<string, string[]>();
  readonly #redis: Redis;
  readonly #reader: RowReader;
  #reading: Promise<void> = Promise.resolve();

  static async start(redisUrl: string, reader: RowReader): Promise<Consumer> {
    const redis = new Redis(redisUrl);
    // It may be the one that is killed.
    redis.on('error', () => undefined);
    const consumer = new Consumer(redis, reader);
    await consumer.subscribe();
    return consumer;
  }

  private constructor(redis: Redis, reader: RowReader) {
    this.#redis = redis;
    this.#reader = reader;
    redis.on('message', (channel, text) => {
      const payload: unknown = JSON.parse(text);
      if (!isObject(payload)) return;
      if (channel === 'chan:prebuilds') this.#hear(String(payload['prebuildID']), String(payload['status']));
      else this.#reading = this.#reading.then(() => this.#read(String(payload['instanceID'])));
    });
  }

  /** Resolves when the server knows; what it publishes before is lost. */
  async subscribe(): Promise<void> {
    await this.#redis.subscribe('chan:workspace-instances', 'chan:prebuilds');
  }

  /** Until all that was told is read. */
  async caughtUp(): Promise<void> {
    await this.#reading;
  }

  stop(): void {
    this.#redis.disconnect();
  }

  #hear(prebuild: string, state: string): void {
    this.prebuilds.set(prebuild, [...(this.prebuilds.get(prebuild) ?? []), state]);
  }

  async #read(instance: string): Promise<void> {
    // A database that is just being started again is asked once more.
    for (let attempt = 0; attempt < 100; attempt += 1) {
      try {
        const row = (await this.#reader.rows(instance)).find(({ id }) => id === instance);
        if (row !== undefined) this.known.set(instance, row);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
