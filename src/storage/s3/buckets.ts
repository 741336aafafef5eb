import { BUCKETS_KNOWN_MAX } from './bounds.js';
import type { S3Connection } from './connection.js';
import { answerIn } from './failures.js';

/** Losing the race for a bucket to somebody with the same keys is fine; one of strangers refuses what follows. */
const ALREADY_THERE = new Set(['BucketAlreadyOwnedByYou', 'BucketAlreadyExists']);

/** Buckets of owners, made when needed, in the region of the server. */
export class OwnerBuckets {
  readonly #connection: S3Connection;
  /** Those known to be there, so that not every object asks. */
  readonly #known = new Set<string>();

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  async ensure(bucket: string, signal: AbortSignal): Promise<void> {
    if (this.#known.has(bucket)) return;
    await this.#connection.call(signal, async ({ sdk, client }) => {
      try {
        await client.send(new sdk.CreateBucketCommand({ Bucket: bucket }), { abortSignal: signal });
      } catch (error) {
        if (!ALREADY_THERE.has(answerIn(error).name)) throw error;
      }
    });
    if (this.#known.size >= BUCKETS_KNOWN_MAX) this.#known.clear();
    this.#known.add(bucket);
  }

  forget(bucket: string): void {
    this.#known.delete(bucket);
  }

  /** In the order of the names of their objects, which begin with the owner and a slash. */
  async list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#connection.call(signal, ({ sdk, client }) =>
      client.send(new sdk.ListBucketsCommand({}), { abortSignal: signal }),
    );
    const names = (answer.Buckets ?? [])
      .map(({ Name }) => Name ?? '')
      .filter((name) => name.startsWith(prefix));
    return names.sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
  }
}
