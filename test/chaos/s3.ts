import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { DaemonConfigInput } from '../../src/daemon/config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { S3Storage } from '../../src/storage/s3/storage.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { plainClient, s3Options } from '../support/s3-storage.js';
import type { S3Server } from '../support/swift.js';
import type { Trouble } from './daemon-round.js';

const KEYS = { region: 'us-east-1', accessKey: 'S3RVER', secretKey: 'S3RVER' } as const;

/** An S3 server for rounds that keep their objects there; each has a bucket of its own. */
export class S3Site {
  readonly #child: ChildProcess;
  readonly #server: S3Server;
  readonly #client: S3Client;

  private constructor(child: ChildProcess, server: S3Server) {
    this.#child = child;
    this.#server = server;
    this.#client = plainClient(server);
  }

  static async start(): Promise<S3Site> {
    const child = fork(join(import.meta.dirname, 's3-process.ts'), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [endpoint] = await once(child, 'message');
    return new S3Site(child, { endpoint: String(endpoint), ...KEYS });
  }

  /** `round` names it; `copy` is where its objects can be read as files, as a folder of objects has them. */
  async bucketFor(round: string, copy: string): Promise<S3Bucket> {
    const bucket = `chaos-${round}`;
    await this.#client.send(new CreateBucketCommand({ Bucket: bucket }));
    const proxy = await FaultProxy.before(this.#server.endpoint);
    return new S3Bucket(this.#server, this.#client, bucket, proxy, copy);
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

/** What one round sees of the server: its daemon goes through a proxy, who looks at the objects does not. */
export class S3Bucket {
  readonly #server: S3Server;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #proxy: FaultProxy;
  readonly #copy: string;

  constructor(server: S3Server, client: S3Client, bucket: string, proxy: FaultProxy, copy: string) {
    this.#server = server;
    this.#client = client;
    this.#bucket = bucket;
    this.#proxy = proxy;
    this.#copy = copy;
  }

  get config(): DaemonConfigInput['storage'] {
    return { kind: 's3', bucket: this.#bucket, endpoint: this.#proxy.endpoint, pathStyle: true, ...KEYS };
  }

  /** The server cannot be reached: connections break off at once. */
  get away(): Trouble {
    return {
      begin: async () => {
        this.#proxy.rule = () => ({ kind: 'cut-request', afterBytes: 0 });
      },
      end: async () => {
        this.#proxy.rule = () => undefined;
      },
    };
  }

  /** Copies everything into the folder, which is emptied first. */
  async fetch(): Promise<void> {
    rmSync(this.#copy, { recursive: true, force: true });
    mkdirSync(this.#copy, { recursive: true });
    const storage = new S3Storage(realWorld(), s3Options(this.#server, { bucket: this.#bucket }));
    for await (const { name } of storage.list('', new AbortController().signal)) {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: name }));
      const path = join(this.#copy, 'objects', name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, (await Body?.transformToByteArray()) ?? '');
    }
  }

  async close(): Promise<void> {
    await this.#proxy.stop();
  }
}
