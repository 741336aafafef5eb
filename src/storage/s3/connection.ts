import { createHash } from 'node:crypto';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type * as Sdk from '@aws-sdk/client-s3';
import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import type { World } from '../../gateways/world.js';
import {
  CONNECT_DEADLINE_MS,
  CONNECTIONS_MAX,
  CREDENTIALS_BYTES,
  IDLE_DEADLINE_MS,
  REQUEST_DEADLINE_MS,
} from './bounds.js';
import { keysFrom, type S3Keys } from './credentials.js';
import { s3Failure } from './failures.js';
import type { S3Options } from './options.js';

export type S3World = Pick<World, 'clock' | 'random' | 'files'>;

export interface OpenS3 {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
}

/** The SDK, loaded at the first request, and its client. Retries are ours: the SDK makes one attempt. */
export class S3Connection {
  /** For messages. */
  readonly where: string;
  /** Whether the server may know `If-None-Match` on writes: until it says that it does not. */
  knowsConditions = true;
  readonly #files: World['files'];
  readonly #options: S3Options;
  #opening: Promise<OpenS3> | undefined;

  constructor(files: World['files'], options: S3Options) {
    this.#files = files;
    this.#options = options;
    const host = options.endpoint ?? `of AWS in ${options.region}`;
    this.where = options.bucket === undefined ? host : `${host}, bucket ${options.bucket},`;
  }

  /** One request; failures are those of the SDK. */
  async raw<T>(request: (opened: OpenS3) => Promise<T>): Promise<T> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return request(await this.#opening);
  }

  /** One request; failures are StewardErrors, or the signal's reason once it has aborted. */
  async call<T>(signal: AbortSignal, request: (opened: OpenS3) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await this.raw(request);
    } catch (error) {
      signal.throwIfAborted();
      throw s3Failure(error, this.where);
    }
  }

  /** The keys that requests are signed with now. */
  async keys(): Promise<S3Keys> {
    return this.raw(async ({ client }) => client.config.credentials());
  }

  async #open(): Promise<OpenS3> {
    keepQuietOnNodeVersion();
    const sdk = await import('@aws-sdk/client-s3');
    const { endpoint, region, pathStyle } = this.#options;
    const credentials = keysFrom(this.#options.credentials, this.#files);
    const ca = await this.#trusted();
    const agent = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    const client = new sdk.S3Client({
      region,
      forcePathStyle: pathStyle,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      followRegionRedirects: false,
      requestHandler: {
        connectionTimeout: CONNECT_DEADLINE_MS,
        requestTimeout: REQUEST_DEADLINE_MS,
        socketTimeout: IDLE_DEADLINE_MS,
        throwOnRequestTimeout: true,
        socketAcquisitionWarningTimeout: REQUEST_DEADLINE_MS,
        httpAgent: new HttpAgent(agent),
        httpsAgent: new HttpsAgent({ ...agent, ...(ca === undefined ? {} : { ca }) }),
      },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    });
    addContentMd5(client);
    return { sdk, client };
  }

  /** A `ca` takes the place of the usual certificates, so those are added to it. */
  async #trusted(): Promise<string[] | undefined> {
    const { caFile } = this.#options;
    if (caFile === undefined) return undefined;
    const { rootCertificates } = await import('node:tls');
    try {
      return [...rootCertificates, (await this.#files.read(caFile, CREDENTIALS_BYTES)).toString('utf8')];
    } catch (error) {
      const code = errorCode(error) ?? 'unknown error';
      throw new StewardError('storage-refused', `The certificates in ${caFile} cannot be read (${code}).`);
    }
  }
}

/**
 * Once in each process the SDK warns on stderr that versions of it to come want a newer Node. Which one is used is ours
 * to say, with the lock file; whoever wants to read it sets the variable to `false`.
 */
function keepQuietOnNodeVersion(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

/** The protocol asks for it when many objects are deleted; servers older than the SDK's checksums insist. */
function addContentMd5(client: Sdk.S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const request = Object(args.request);
      if (context.commandName === 'DeleteObjectsCommand' && typeof request.body === 'string') {
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return next(args);
    },
    { step: 'build', name: 'contentMd5' },
  );
}
