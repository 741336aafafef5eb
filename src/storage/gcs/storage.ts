import { Readable } from 'node:stream';
import type { FileMetadata } from '@google-cloud/storage';
import {
  type BucketRule,
  bucketPerOwner,
  gcsBucketPrefix,
  keyIn,
  mayHoldBehind,
  nameByUrl,
  type ObjectPlace,
  urlAt,
} from '../buckets.js';
import { keepsNothing, readingFailuresAs } from '../failures.js';
import { checkPrefix, isObjectName } from '../object-name.js';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from '../object-storage.js';
import { PROBE_FOLDER, probeName } from '../probe.js';
import { DELETE_PARALLEL, PAGE_OBJECTS, SIGNED_LINK_MS } from './bounds.js';
import { GcsConnection, type GcsWorld } from './connection.js';
import { gcsFailure } from './failures.js';
import type { GcsOptions } from './options.js';
import { uploadTo } from './upload.js';

/** Objects in Google Cloud Storage, in one bucket per owner. The service itself keeps a put from replacing. */
export class GcsStorage implements ObjectStorage {
  readonly #world: GcsWorld;
  readonly #connection: GcsConnection;
  readonly #rule: BucketRule;
  readonly #probe: ObjectName;

  /** Connects at the first operation. */
  constructor(world: GcsWorld, options: GcsOptions) {
    this.#world = world;
    this.#connection = new GcsConnection(world.files, options);
    this.#rule = bucketPerOwner(gcsBucketPrefix(options.stage));
    this.#probe = probeName(world.random);
  }

  urlOf(name: ObjectName): string {
    return urlAt(this.#rule.placeOf(name));
  }

  nameOf(url: string): ObjectName | undefined {
    return nameByUrl(this.#rule, url);
  }

  put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    return this.#upload(name, body, options, false);
  }

  replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    return this.#upload(name, body, options, true);
  }

  async get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    const { signal, range } = options;
    const found = await this.head(name, signal);
    if (found === undefined) return undefined;
    const isEmpty = found.sizeBytes <= (range?.start ?? 0);
    if (isEmpty) return Readable.from([]);
    const reading = await this.#connection.download(this.#rule.placeOf(name), options);
    return (
      reading && readingFailuresAs(reading, signal, (error) => gcsFailure(error, this.#connection.where))
    );
  }

  async head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    const place = this.#rule.placeOf(name);
    const found = await this.#connection.found(signal, async () =>
      (await this.#connection.file(place)).getMetadata(),
    );
    return found && stored(name, found[0]);
  }

  /** Whatever the service shows it keeps. */
  async settle(): Promise<void> {}

  async *list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncGenerator<StoredObject> {
    checkPrefix(prefix);
    const place = this.#rule.placeOfPrefix(prefix);
    if ('bucket' in place) {
      yield* this.#listIn(place, signal, after);
      return;
    }
    for (const bucket of await this.#bucketsLike(place.bucketPrefix, signal)) {
      if (mayHoldBehind(this.#rule, bucket, after)) yield* this.#listIn({ bucket, key: '' }, signal, after);
    }
  }

  async delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    const place = this.#rule.placeOf(name);
    await this.#connection.found(signal, async () =>
      (await this.#connection.file(place)).delete({ ignoreNotFound: true }),
    );
  }

  async deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    for (let start = 0; start < names.length; start += DELETE_PARALLEL) {
      const batch = names.slice(start, start + DELETE_PARALLEL);
      await Promise.all(batch.map((name) => this.delete(name, signal)));
    }
  }

  async sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    const place = this.#rule.placeOf(name);
    return this.#connection.call(signal, async () => {
      const file = await this.#connection.file(place);
      const expires = this.#world.clock.now() + SIGNED_LINK_MS[access];
      const [url] = await file.getSignedUrl({ version: 'v4', action: access, expires });
      return url;
    });
  }

  /** Writes, reads and removes a small object in a bucket that is for this only. */
  async check(signal: AbortSignal): Promise<void> {
    const probe = this.#probe;
    await this.#upload(probe, Readable.from(['check']), { signal }, true);
    await this.delete(probe, signal);
  }

  /** The service forgets what was begun and never ended by itself, after a week. */
  async sweep(): Promise<number> {
    return 0;
  }

  async #upload(
    name: ObjectName,
    body: Readable,
    options: PutOptions,
    mayReplace: boolean,
  ): Promise<StoredObject> {
    const place = this.#rule.placeOf(name);
    const { signal } = options;
    await this.#connection.ensure(place.bucket, signal);
    const request = { mark: this.#world.random.uuid(), mayReplace };
    const sizeBytes = await uploadTo(this.#connection, place, body, options, request).catch(
      (error: unknown) => {
        this.#connection.forget(place.bucket);
        throw error;
      },
    );
    const found = await this.head(name, signal);
    if (found?.sizeBytes === sizeBytes) return found;
    throw keepsNothing(this.#connection.where);
  }

  /** The service begins with the name it is given, which is not behind itself. */
  async *#listIn(
    { bucket, key }: ObjectPlace,
    signal: AbortSignal,
    after?: ObjectName,
  ): AsyncGenerator<StoredObject> {
    const begin = after === undefined ? undefined : keyIn(this.#rule, bucket, after);
    let pageToken: string | undefined;
    do {
      const from = begin === undefined ? {} : { startOffset: begin };
      const query = { prefix: key, maxResults: PAGE_OBJECTS, autoPaginate: false, ...from };
      const page = await this.#connection.found(signal, async () => {
        const client = await this.#connection.client();
        return client
          .bucket(bucket)
          .getFiles({ ...query, ...(pageToken === undefined ? {} : { pageToken }) });
      });
      if (page === undefined) return;
      const [files, next] = page;
      for (const file of files) {
        const name = this.#rule.nameAt({ bucket, key: file.name });
        const isOurs = name !== undefined && isObjectName(name) && !name.startsWith(PROBE_FOLDER);
        if (isOurs && (after === undefined || name > after)) yield stored(name, file.metadata);
      }
      pageToken = tokenIn(next);
    } while (pageToken !== undefined);
  }

  /** In the order of the names of their objects, which begin with the owner and a slash. */
  async #bucketsLike(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const names: string[] = [];
    let pageToken: string | undefined;
    do {
      const query = { prefix, autoPaginate: false, ...(pageToken === undefined ? {} : { pageToken }) };
      const [buckets, next] = await this.#connection.call(signal, async () =>
        (await this.#connection.client()).getBuckets(query),
      );
      names.push(...buckets.map(({ name }) => name));
      pageToken = tokenIn(next);
    } while (pageToken !== undefined);
    return names.sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
  }
}

function tokenIn(query: unknown): string | undefined {
  const { pageToken } = Object(query);
  return typeof pageToken === 'string' ? pageToken : undefined;
}

function stored(name: ObjectName, { size, updated }: FileMetadata): StoredObject {
  return { name, sizeBytes: Number(size ?? 0), modifiedMs: updated === undefined ? 0 : Date.parse(updated) };
}
