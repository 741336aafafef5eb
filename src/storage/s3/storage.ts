import { Readable } from 'node:stream';
import type { _Object as Listed } from '@aws-sdk/client-s3';
import { StewardError } from '../../errors/steward-error.js';
import {
  type BucketRule,
  bucketPerOwner,
  keyIn,
  MINIO_BUCKET_PREFIX,
  mayHoldBehind,
  nameByUrl,
  type ObjectPlace,
  sharedBucket,
  urlAt,
} from '../buckets.js';
import { keepsNothing, readingFailuresAs } from '../failures.js';
import { checkPrefix, isObjectName } from '../object-name.js';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from '../object-storage.js';
import { PROBE_FOLDER, probeName } from '../probe.js';
import { DELETE_BATCH_MAX, SIGNED_LINK_MS } from './bounds.js';
import { OwnerBuckets } from './buckets.js';
import { S3Connection, type S3World } from './connection.js';
import { s3Failure, saysBehindEnd, saysNoSuchBucket, saysNoSuchObject } from './failures.js';
import type { S3Options } from './options.js';
import { signedUrl } from './sign.js';
import { sweepUploads } from './sweep.js';
import { S3Upload } from './upload.js';

/**
 * Objects in buckets of a server that speaks the S3 protocol. That a put never replaces rests on three things:
 * a look before it, `If-None-Match: *` on the write itself, which AWS, MinIO and others keep, and, for servers
 * that take no notice of it, that one process never writes a name twice at a time. Names of ours are new anyway.
 */
export class S3Storage implements ObjectStorage {
  readonly #world: S3World;
  readonly #options: S3Options;
  readonly #connection: S3Connection;
  readonly #rule: BucketRule;
  /** Only where owners have buckets of their own. */
  readonly #buckets: OwnerBuckets | undefined;
  /** URLs of objects that are being put. */
  readonly #puts = new Set<string>();
  readonly #probe: string;

  /** Connects at the first operation. */
  constructor(world: S3World, options: S3Options) {
    this.#world = world;
    this.#options = options;
    this.#connection = new S3Connection(world.files, options);
    this.#rule =
      options.bucket === undefined ? bucketPerOwner(MINIO_BUCKET_PREFIX) : sharedBucket(options.bucket);
    this.#buckets = options.bucket === undefined ? new OwnerBuckets(this.#connection) : undefined;
    this.#probe = probeName(world.random);
  }

  urlOf(name: ObjectName): string {
    return urlAt(this.#rule.placeOf(name));
  }

  nameOf(url: string): ObjectName | undefined {
    return nameByUrl(this.#rule, url);
  }

  async put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    const url = this.urlOf(name);
    if (this.#puts.has(url)) throw existsAlready();
    this.#puts.add(url);
    try {
      if ((await this.head(name, options.signal)) !== undefined) throw existsAlready();
      return await this.#upload(name, body, options, false);
    } finally {
      this.#puts.delete(url);
    }
  }

  replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    return this.#upload(name, body, options, true);
  }

  async get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    const { signal } = options;
    const answer = await this.#found(signal, () => this.#open(this.#rule.placeOf(name), options));
    if (answer === undefined) return undefined;
    if (!(answer.Body instanceof Readable)) return Readable.from([]);
    return readingFailuresAs(answer.Body, signal, (error) => s3Failure(error, this.#connection.where));
  }

  async head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    const { bucket, key } = this.#rule.placeOf(name);
    const answer = await this.#found(signal, () =>
      this.#connection.raw(({ sdk, client }) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal }),
      ),
    );
    if (answer === undefined) return undefined;
    return { name, sizeBytes: answer.ContentLength ?? 0, modifiedMs: answer.LastModified?.getTime() ?? 0 };
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
    for (const bucket of (await this.#buckets?.list(place.bucketPrefix, signal)) ?? []) {
      if (mayHoldBehind(this.#rule, bucket, after)) yield* this.#listIn({ bucket, key: '' }, signal, after);
    }
  }

  async delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    const { bucket, key } = this.#rule.placeOf(name);
    await this.#found(signal, () =>
      this.#connection.raw(({ sdk, client }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal }),
      ),
    );
  }

  async deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    const keysIn = new Map<string, string[]>();
    for (const name of names) {
      const { bucket, key } = this.#rule.placeOf(name);
      keysIn.set(bucket, [...(keysIn.get(bucket) ?? []), key]);
    }
    for (const [bucket, keys] of keysIn) {
      for (let start = 0; start < keys.length; start += DELETE_BATCH_MAX) {
        await this.#deleteBatch(bucket, keys.slice(start, start + DELETE_BATCH_MAX), signal);
      }
    }
  }

  async sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string> {
    const place = this.#rule.placeOf(name);
    signal.throwIfAborted();
    const { flavour, endpoint, region, pathStyle } = this.#options;
    return signedUrl({
      method: access === 'read' ? 'GET' : 'PUT',
      endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
      ...place,
      region,
      pathStyle,
      keys: await this.#connection.call(signal, () => this.#connection.keys()),
      nowMs: this.#world.clock.now(),
      lifeMs: SIGNED_LINK_MS[flavour],
    });
  }

  /** Writes, reads and removes a small object; without a bucket of its own it is in one that is for this only. */
  async check(signal: AbortSignal): Promise<void> {
    const probe = this.#probe;
    await this.#upload(probe, Readable.from(['check']), { signal }, true);
    await this.delete(probe, signal);
  }

  /** Gives up what uploads that were killed long ago left on the server; resolves with how many there were. */
  async sweep(signal: AbortSignal): Promise<number> {
    const { bucket } = this.#options;
    const shared = bucket === undefined ? [] : [bucket];
    let count = 0;
    const buckets = (await this.#buckets?.list(MINIO_BUCKET_PREFIX, signal)) ?? shared;
    for (const each of buckets)
      count += await sweepUploads(this.#connection, this.#world.clock, each, signal);
    return count;
  }

  /** A range behind the end of the object is empty here and an error in the protocol. */
  async #open({ bucket, key }: ObjectPlace, { signal, range }: GetOptions) {
    const request = {
      Bucket: bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end ?? ''}` }),
    };
    try {
      return await this.#connection.raw(({ sdk, client }) =>
        client.send(new sdk.GetObjectCommand(request), { abortSignal: signal }),
      );
    } catch (error) {
      if (!saysBehindEnd(error)) throw error;
      return { Body: Readable.from([]) };
    }
  }

  async #upload(
    name: ObjectName,
    body: Readable,
    options: PutOptions,
    mayReplace: boolean,
  ): Promise<StoredObject> {
    const place = this.#rule.placeOf(name);
    await this.#buckets?.ensure(place.bucket, options.signal);
    const parallel = this.#options.parallelUpload;
    const upload = new S3Upload(this.#connection, this.#world, { place, options, mayReplace, parallel });
    const sizeBytes = await upload.run(body).catch((error: unknown) => {
      this.#buckets?.forget(place.bucket);
      throw error;
    });
    const found = await this.head(name, options.signal);
    if (found?.sizeBytes === sizeBytes) return found;
    throw keepsNothing(this.#connection.where);
  }

  /** What is not behind `after` is left out here, too: not every server understands where to begin. */
  async *#listIn(
    { bucket, key }: ObjectPlace,
    signal: AbortSignal,
    after?: ObjectName,
  ): AsyncGenerator<StoredObject> {
    const begin = after === undefined ? undefined : keyIn(this.#rule, bucket, after);
    let token: string | undefined;
    do {
      const page = await this.#found(signal, () =>
        this.#connection.raw(({ sdk, client }) =>
          client.send(
            new sdk.ListObjectsV2Command({
              Bucket: bucket,
              Prefix: key,
              ...(begin === undefined ? {} : { StartAfter: begin }),
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
            { abortSignal: signal },
          ),
        ),
      );
      for (const listed of page?.Contents ?? []) {
        const object = this.#stored(bucket, listed);
        if (object !== undefined && (after === undefined || object.name > after)) yield object;
      }
      token = page?.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** What others keep in the bucket under names that ours never have is not shown. */
  #stored(bucket: string, { Key, Size, LastModified }: Listed): StoredObject | undefined {
    const name = Key === undefined ? undefined : this.#rule.nameAt({ bucket, key: Key });
    if (name === undefined || !isObjectName(name) || name.startsWith(PROBE_FOLDER)) return undefined;
    return { name, sizeBytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 };
  }

  async #deleteBatch(bucket: string, keys: readonly string[], signal: AbortSignal): Promise<void> {
    const answer = await this.#found(signal, () =>
      this.#connection.raw(({ sdk, client }) =>
        client.send(
          new sdk.DeleteObjectsCommand({
            Bucket: bucket,
            Delete: { Quiet: true, Objects: keys.map((key) => ({ Key: key })) },
          }),
          { abortSignal: signal },
        ),
      ),
    );
    const refused = (answer?.Errors ?? []).filter(({ Code }) => Code !== 'NoSuchKey');
    if (refused.length === 0) return;
    const first = Object.assign(new Error('not deleted'), { name: refused[0]?.Code ?? 'InternalError' });
    throw s3Failure(first, this.#connection.where);
  }

  /** Undefined when there is no such object; without a bucket of its own, no bucket means no objects. */
  async #found<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T | undefined> {
    signal.throwIfAborted();
    try {
      return await request();
    } catch (error) {
      signal.throwIfAborted();
      if (saysNoSuchObject(error)) return undefined;
      if (this.#options.bucket === undefined && saysNoSuchBucket(error)) return undefined;
      throw s3Failure(error, this.#connection.where);
    }
  }
}

function existsAlready(): StewardError {
  return new StewardError('already-exists', 'An object of this name exists already, or is being written.');
}
