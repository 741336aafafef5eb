import { type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import type { Readable } from 'node:stream';
import type { Storage } from '@google-cloud/storage';
import { StewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import type { ObjectPlace } from '../buckets.js';
import type { GetOptions } from '../object-storage.js';
import {
  BUCKETS_KNOWN_MAX,
  LIBRARY_PAUSE_SECONDS,
  LIBRARY_RETRIES_MAX,
  LIBRARY_RETRIES_SECONDS,
  REQUEST_DEADLINE_MS,
} from './bounds.js';
import { gcsFailure, saysConflict, saysNotFound } from './failures.js';
import type { GcsOptions } from './options.js';

export type GcsWorld = Pick<World, 'clock' | 'random' | 'files'>;

/** The library, loaded at the first request, and its client. */
export class GcsConnection {
  /** For messages. */
  readonly where: string;
  readonly #files: World['files'];
  readonly #options: GcsOptions;
  #opening: Promise<Storage> | undefined;
  /** Buckets known to be there, so that not every object asks. */
  readonly #known = new Set<string>();

  constructor(files: World['files'], options: GcsOptions) {
    this.#files = files;
    this.#options = options;
    this.where = `of Google Cloud (project ${options.project})`;
  }

  async file({ bucket, key }: ObjectPlace) {
    return (await this.client()).bucket(bucket).file(key);
  }

  /**
   * The bytes of an object, without the library's own stream, which waits for ever when a connection is lost in the
   * middle. Failures before the first byte are thrown.
   */
  async download({ bucket, key }: ObjectPlace, { signal, range }: GetOptions): Promise<Readable | undefined> {
    return this.found(signal, async () => {
      const client = await this.client();
      const path = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}`;
      const url = `${client.apiEndpoint}/storage/v1/${path}?alt=media`;
      const isOpen = this.#options.endpoint !== undefined && this.#options.credentialsFile === undefined;
      const headers: Record<string, string> = isOpen
        ? {}
        : { ...(await client.authClient.getRequestHeaders(url)) };
      if (range !== undefined) headers['range'] = `bytes=${range.start}-${range.end ?? ''}`;
      const answer = await answerTo(url, headers, signal);
      if (answer.statusCode === 200 || answer.statusCode === 206) return answer;
      answer.destroy();
      throw Object.assign(new Error(answer.statusMessage), { code: answer.statusCode });
    });
  }

  client(): Promise<Storage> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Failures are StewardErrors. The library cannot be interrupted: an abort only ends the wait. */
  async call<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await new Promise<T>((resolve, reject) => {
        const stop = () => reject(signal.reason);
        signal.addEventListener('abort', stop, { once: true });
        work()
          .then(resolve, reject)
          .finally(() => signal.removeEventListener('abort', stop));
      });
    } catch (error) {
      signal.throwIfAborted();
      throw gcsFailure(error, this.where);
    }
  }

  /** As `call`; undefined when there is no such object or bucket. */
  found<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    return this.call(signal, () =>
      work().catch((error: unknown) => {
        if (saysNotFound(error)) return undefined;
        throw error;
      }),
    );
  }

  /** Makes the bucket if need be; losing the race for it is fine. */
  async ensure(bucket: string, signal: AbortSignal): Promise<void> {
    if (this.#known.has(bucket)) return;
    await this.call(signal, async () => {
      const client = await this.client();
      const [isThere] = await client.bucket(bucket).exists();
      if (isThere) return;
      await client.createBucket(bucket, { location: this.#options.region }).catch((error: unknown) => {
        if (!saysConflict(error)) throw error;
      });
    });
    if (this.#known.size >= BUCKETS_KNOWN_MAX) this.#known.clear();
    this.#known.add(bucket);
  }

  forget(bucket: string): void {
    this.#known.delete(bucket);
  }

  async #open(): Promise<Storage> {
    const { project, credentialsFile, endpoint } = this.#options;
    if (credentialsFile !== undefined && (await this.#files.stat(credentialsFile)) === undefined) {
      throw new StewardError('storage-refused', `There is no credentials file ${credentialsFile}.`);
    }
    const { Storage } = await import('@google-cloud/storage');
    return new Storage({
      projectId: project,
      timeout: REQUEST_DEADLINE_MS,
      retryOptions: {
        autoRetry: true,
        maxRetries: LIBRARY_RETRIES_MAX,
        totalTimeout: LIBRARY_RETRIES_SECONDS,
        maxRetryDelay: LIBRARY_PAUSE_SECONDS,
      },
      ...(credentialsFile === undefined
        ? {}
        : { keyFilename: credentialsFile, useAuthWithCustomEndpoint: true }),
      ...(endpoint === undefined ? {} : { apiEndpoint: endpoint }),
    });
  }
}

/** Resolves with the head of the answer; its body breaks off with an error when the connection does. */
function answerTo(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const start = url.startsWith('https:') ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const asked = start(url, { headers, signal, timeout: REQUEST_DEADLINE_MS }, resolve);
    asked.on('timeout', () => asked.destroy(new Error('nothing came for too long')));
    asked.on('error', reject);
    asked.end();
  });
}
