import { addAbortSignal, type Readable } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import type { ObjectPlace } from '../buckets.js';
import type { PutOptions } from '../object-storage.js';
import { retry } from '../retry.js';
import { TIDY_DEADLINE_MS, UPLOAD_MEMORY_BYTES } from './bounds.js';
import type { OpenS3, S3Connection, S3World } from './connection.js';
import { s3Failure, saysNoSuchObject, saysNotImplemented } from './failures.js';
import { PartMemory } from './part-memory.js';
import { type Part, partsOf } from './parts.js';

/** Kept with each object: tells whose write it was that made it. */
const MARK = 'steward-upload';

export interface UploadRequest {
  readonly place: ObjectPlace;
  readonly options: PutOptions;
  /** Whether an object of this name may be there already. */
  readonly mayReplace: boolean;
  /** Parts on their way at one time. */
  readonly parallel: number;
}

interface Tag {
  readonly number: number;
  readonly tag: string;
}

/**
 * One object, in one request or in parts. Each part is repeated from memory when its connection is lost. However
 * it fails, there is no object afterwards, and no parts unless the server cannot be reached any more.
 */
export class S3Upload {
  readonly #connection: S3Connection;
  readonly #world: S3World;
  readonly #request: UploadRequest;
  readonly #mark: string;
  readonly #memory: PartMemory;
  /** Ends everything that is under way when one part fails. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(connection: S3Connection, world: S3World, request: UploadRequest) {
    this.#connection = connection;
    this.#world = world;
    this.#request = request;
    this.#mark = world.random.uuid();
    this.#memory = new PartMemory(UPLOAD_MEMORY_BYTES, request.parallel + 1);
    this.#signal = AbortSignal.any([request.options.signal, this.#stop.signal]);
  }

  /** Resolves with the size of the object when it is durable. */
  async run(body: Readable): Promise<number> {
    const { signal } = this.#request.options;
    addAbortSignal(this.#signal, body);
    body.on('error', () => undefined);
    try {
      return await this.#send(body);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      body.destroy();
    }
  }

  async #send(body: Readable): Promise<number> {
    const parts = partsOf(body, (bytes) => this.#memory.take(bytes));
    const first = await parts.next();
    if (first.done) return 0;
    if (!first.value.isLast) return this.#sendParts(first.value, parts);
    const { bytes } = first.value;
    await this.#commit(() => this.#conditionally(() => this.#putWhole(bytes)));
    return bytes.length;
  }

  async #sendParts(first: Part, rest: AsyncGenerator<Part>): Promise<number> {
    const upload = await this.#begin();
    try {
      const { tags, sizeBytes } = await this.#uploadAll(upload, first, rest);
      await this.#checkStillNew();
      await this.#commit(() => this.#complete(upload, tags));
      return sizeBytes;
    } catch (error) {
      await this.#abandon(upload);
      throw error;
    }
  }

  async #uploadAll(upload: string, first: Part, rest: AsyncGenerator<Part>) {
    const tags: Tag[] = [];
    const underWay = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    let sizeBytes = 0;
    const start = (part: Part) => {
      sizeBytes += part.bytes.length;
      const sending = this.#uploadPart(upload, part)
        .then((tag) => void tags.push({ number: part.number, tag }))
        .catch((error: unknown) => {
          failure ??= { error };
          this.#stop.abort(error);
        })
        .finally(() => {
          this.#memory.giveBack(part.bytes);
          underWay.delete(sending);
        });
      underWay.add(sending);
    };
    try {
      start(first);
      for await (const part of rest) start(part);
    } catch (error) {
      failure ??= { error };
      this.#stop.abort(error);
    }
    await Promise.all(underWay);
    if (failure !== undefined) throw failure.error;
    return { tags: tags.sort((a, b) => a.number - b.number), sizeBytes };
  }

  /** Makes the object; one whose answer was lost is found by its mark. */
  async #commit(work: () => Promise<unknown>): Promise<void> {
    try {
      await retry(this.#world, this.#signal, work);
    } catch (error) {
      const isThere = await this.#isOurs().catch(() => false);
      if (!isThere) throw error;
      if (!this.#signal.aborted) return;
      await this.#remove().catch(() => undefined);
      throw error;
    }
  }

  /** Time has passed since the first look, and not every server keeps the condition when parts become an object. */
  async #checkStillNew(): Promise<void> {
    if (this.#request.mayReplace || !(await retry(this.#world, this.#signal, () => this.#isThere()))) return;
    throw new StewardError('already-exists', 'Another object of this name was made meanwhile.');
  }

  /** A server that does not know conditions says so, and is not asked again. */
  async #conditionally<T>(work: () => Promise<T>): Promise<T> {
    const hadCondition = !this.#request.mayReplace && this.#connection.knowsConditions;
    try {
      return await work();
    } catch (error) {
      if (!hadCondition || !saysNotImplemented(error)) throw error;
      this.#connection.knowsConditions = false;
      return work();
    }
  }

  #putWhole(bytes: Buffer): Promise<unknown> {
    return this.#connection.call(this.#signal, ({ sdk, client }) =>
      client.send(
        new sdk.PutObjectCommand({
          ...this.#target(),
          ...this.#about(),
          ...this.#condition(),
          Body: bytes,
          ContentLength: bytes.length,
        }),
        { abortSignal: this.#signal },
      ),
    );
  }

  async #begin(): Promise<string> {
    const answer = await this.#retried(({ sdk, client }) =>
      client.send(new sdk.CreateMultipartUploadCommand({ ...this.#target(), ...this.#about() }), {
        abortSignal: this.#signal,
      }),
    );
    return answer.UploadId ?? '';
  }

  async #uploadPart(upload: string, { number, bytes }: Part): Promise<string> {
    const answer = await this.#retried(({ sdk, client }) =>
      client.send(
        new sdk.UploadPartCommand({
          ...this.#target(),
          UploadId: upload,
          PartNumber: number,
          Body: bytes,
          ContentLength: bytes.length,
        }),
        { abortSignal: this.#signal },
      ),
    );
    return answer.ETag ?? '';
  }

  #complete(upload: string, tags: readonly Tag[]): Promise<unknown> {
    const parts = tags.map(({ number, tag }) => ({ PartNumber: number, ETag: tag }));
    return this.#connection.call(this.#signal, ({ sdk, client }) =>
      client.send(
        new sdk.CompleteMultipartUploadCommand({
          ...this.#target(),
          ...this.#condition(),
          UploadId: upload,
          MultipartUpload: { Parts: parts },
        }),
        { abortSignal: this.#signal },
      ),
    );
  }

  /** What cannot be tidied up now is swept later. */
  async #abandon(upload: string): Promise<void> {
    await this.#tidy(({ sdk, client }, options) =>
      client.send(new sdk.AbortMultipartUploadCommand({ ...this.#target(), UploadId: upload }), options),
    ).catch(() => undefined);
  }

  async #isOurs(): Promise<boolean> {
    const head = await this.#tidy(({ sdk, client }, options) =>
      client.send(new sdk.HeadObjectCommand(this.#target()), options),
    );
    return head.Metadata?.[MARK] === this.#mark;
  }

  async #isThere(): Promise<boolean> {
    try {
      await this.#connection.raw(({ sdk, client }) =>
        client.send(new sdk.HeadObjectCommand(this.#target()), { abortSignal: this.#signal }),
      );
      return true;
    } catch (error) {
      if (saysNoSuchObject(error)) return false;
      this.#signal.throwIfAborted();
      throw s3Failure(error, this.#connection.where);
    }
  }

  async #remove(): Promise<void> {
    await this.#tidy(({ sdk, client }, options) =>
      client.send(new sdk.DeleteObjectCommand(this.#target()), options),
    );
  }

  #retried<T>(request: (opened: OpenS3) => Promise<T>): Promise<T> {
    return retry(this.#world, this.#signal, () => this.#connection.call(this.#signal, request));
  }

  /** Goes on although the upload was given up, but not for long. */
  #tidy<T>(
    request: (opened: OpenS3, options: { readonly requestTimeout: number }) => Promise<T>,
  ): Promise<T> {
    return this.#connection.raw((opened) => request(opened, { requestTimeout: TIDY_DEADLINE_MS }));
  }

  #target() {
    return { Bucket: this.#request.place.bucket, Key: this.#request.place.key };
  }

  #about() {
    const { contentType, annotations } = this.#request.options;
    return {
      ...(contentType === undefined ? {} : { ContentType: contentType }),
      Metadata: { ...annotations, [MARK]: this.#mark },
    };
  }

  #condition(): { readonly IfNoneMatch?: '*' } {
    return this.#request.mayReplace || !this.#connection.knowsConditions ? {} : { IfNoneMatch: '*' };
  }
}
