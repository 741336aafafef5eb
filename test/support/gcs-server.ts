import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CRC32C } from '@google-cloud/storage';

interface Kept {
  readonly bytes: Buffer;
  readonly generation: number;
  readonly updated: string;
  readonly contentType: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

interface Session {
  readonly bucket: string;
  readonly name: string;
  readonly about: Partial<Kept>;
  readonly ifGeneration: string | null;
  readonly chunks: Buffer[];
}

/** As much of the JSON API of Google Cloud Storage as its client library asks for, in memory. */
export class GcsServer {
  readonly buckets = new Map<string, Map<string, Kept>>();
  /** Where buckets were made. */
  readonly locations = new Map<string, string>();
  readonly #sessions = new Map<string, Session>();
  readonly #server = createServer((request, answer) => {
    this.#handle(request, answer).catch(() => answer.destroy());
  });
  #generation = 0;
  #port = 0;

  static async start(): Promise<GcsServer> {
    const server = new GcsServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    const address = server.#server.address();
    server.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const upload = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname);
    const path = /^\/storage\/v1\/b(?:\/([^/]+)(?:\/o(?:\/([^/]+))?)?)?$/.exec(url.pathname);
    if (upload !== null) {
      await this.#upload(request, answer, url, decodeURIComponent(upload[1] ?? ''));
    } else if (path !== null) {
      const [bucket, name] = [path[1], path[2]].map((part) => part && decodeURIComponent(part));
      const isObjects = url.pathname.endsWith('/o');
      if (bucket === undefined) await this.#allBuckets(request, answer, url);
      else if (name !== undefined) this.#object(request, answer, url, bucket, name);
      else if (isObjects) this.#objects(answer, url, bucket);
      else this.#bucket(answer, bucket);
    } else fail(answer, 404, 'notFound');
  }

  async #allBuckets(request: IncomingMessage, answer: ServerResponse, url: URL): Promise<void> {
    if (request.method === 'POST') {
      const { name, location } = JSON.parse(String(await buffer(request)));
      if (this.buckets.has(name)) return fail(answer, 409, 'conflict');
      this.buckets.set(name, new Map());
      this.locations.set(name, String(location));
      return json(answer, { kind: 'storage#bucket', name, location });
    }
    const prefix = url.searchParams.get('prefix') ?? '';
    const names = [...this.buckets.keys()].filter((name) => name.startsWith(prefix)).sort();
    const { shown, nextPageToken } = page(names, url, 2);
    return json(answer, { items: shown.map((name) => ({ id: name, name })), nextPageToken });
  }

  #bucket(answer: ServerResponse, bucket: string): void {
    if (this.buckets.has(bucket)) json(answer, { kind: 'storage#bucket', name: bucket });
    else fail(answer, 404, 'notFound');
  }

  #objects(answer: ServerResponse, url: URL, bucket: string): void {
    const objects = this.buckets.get(bucket);
    if (objects === undefined) {
      fail(answer, 404, 'notFound');
      return;
    }
    const prefix = url.searchParams.get('prefix') ?? '';
    const names = [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    const { shown, nextPageToken } = page(names, url, 3);
    json(answer, { items: shown.map((name) => this.#about(bucket, name)), nextPageToken });
  }

  #object(request: IncomingMessage, answer: ServerResponse, url: URL, bucket: string, name: string): void {
    const kept = this.buckets.get(bucket)?.get(name);
    if (kept === undefined) fail(answer, 404, 'notFound');
    else if (request.method === 'DELETE') {
      this.buckets.get(bucket)?.delete(name);
      answer.writeHead(204).end();
    } else if (url.searchParams.get('alt') === 'media') sendBytes(request, answer, kept);
    else json(answer, this.#about(bucket, name));
  }

  async #upload(request: IncomingMessage, answer: ServerResponse, url: URL, bucket: string): Promise<void> {
    const session = url.searchParams.get('upload_id');
    if (session !== null) return this.#continue(request, answer, session);
    const body = await buffer(request);
    const ifGeneration = url.searchParams.get('ifGenerationMatch');
    if (url.searchParams.get('uploadType') === 'multipart') {
      const { about, bytes } = partsOf(body, String(request.headers['content-type']));
      const name = url.searchParams.get('name') ?? String(about.name);
      return this.#store(answer, { bucket, name, about, ifGeneration, chunks: [bytes] });
    }
    const about = { ...JSON.parse(String(body)), contentType: request.headers['x-upload-content-type'] };
    if (this.#refuses(bucket, url.searchParams.get('name') ?? '', ifGeneration, answer)) return;
    const id = randomUUID();
    const name = url.searchParams.get('name') ?? '';
    this.#sessions.set(id, { bucket, name, about, ifGeneration, chunks: [] });
    answer
      .writeHead(200, { location: `${url.origin}${url.pathname}?uploadType=resumable&upload_id=${id}` })
      .end();
  }

  async #continue(request: IncomingMessage, answer: ServerResponse, id: string): Promise<void> {
    const session = this.#sessions.get(id);
    const bytes = await buffer(request);
    if (session === undefined) return fail(answer, 404, 'notFound');
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*|undefined)$/.exec(
      String(request.headers['content-range']),
    );
    const [, start, , total] = range ?? [];
    const have = session.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (start !== undefined && Number(start) === have) session.chunks.push(bytes);
    const now = session.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (Number(total) === now) {
      this.#sessions.delete(id);
      return this.#store(answer, session);
    }
    answer.writeHead(308, now === 0 ? {} : { range: `bytes=0-${now - 1}` }).end();
  }

  #store(answer: ServerResponse, { bucket, name, about, ifGeneration, chunks }: Session): void {
    if (this.#refuses(bucket, name, ifGeneration, answer)) return;
    this.#generation += 1;
    const kept = {
      bytes: Buffer.concat(chunks),
      generation: this.#generation,
      updated: new Date().toISOString(),
      contentType: about.contentType,
      metadata: about.metadata,
    };
    this.buckets.get(bucket)?.set(name, kept);
    json(answer, this.#about(bucket, name));
  }

  #refuses(bucket: string, name: string, ifGeneration: string | null, answer: ServerResponse): boolean {
    const objects = this.buckets.get(bucket);
    if (objects === undefined) {
      fail(answer, 404, 'notFound');
      return true;
    }
    const generation = objects.get(name)?.generation ?? 0;
    if (ifGeneration === null || Number(ifGeneration) === generation) return false;
    fail(answer, 412, 'conditionNotMet');
    return true;
  }

  #about(bucket: string, name: string): object {
    const kept = this.buckets.get(bucket)?.get(name);
    if (kept === undefined) return {};
    const { bytes, generation, updated, contentType, metadata } = kept;
    const hashes = hashesOf(bytes);
    const more = { crc32c: hashes.crc32c, md5Hash: hashes.md5, contentType, metadata };
    return {
      kind: 'storage#object',
      bucket,
      name,
      size: String(bytes.length),
      generation: String(generation),
      updated,
      ...more,
    };
  }
}

function sendBytes(request: IncomingMessage, answer: ServerResponse, { bytes }: Kept): void {
  const { crc32c, md5 } = hashesOf(bytes);
  const headers = {
    'x-goog-hash': `crc32c=${crc32c},md5=${md5}`,
    'content-type': 'application/octet-stream',
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range === null) {
    answer.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
    return;
  }
  const start = Number(range[1]);
  const end = range[2] === '' ? bytes.length : Math.min(Number(range[2]) + 1, bytes.length);
  const part = bytes.subarray(start, end);
  const length = {
    'content-length': part.length,
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  };
  answer.writeHead(206, { ...headers, ...length }).end(part);
}

/** The metadata and the bytes of a `multipart/related` body. */
function partsOf(body: Buffer, contentType: string) {
  const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1] ?? '';
  const split = Buffer.from('\r\n\r\n');
  const firstStart = body.indexOf(split) + split.length;
  const firstEnd = body.indexOf(`\r\n--${boundary}`, firstStart);
  const secondStart = body.indexOf(split, firstEnd) + split.length;
  const secondEnd = body.lastIndexOf(`\r\n--${boundary}--`);
  const about = JSON.parse(String(body.subarray(firstStart, firstEnd)));
  return { about, bytes: body.subarray(secondStart, secondEnd) };
}

function hashesOf(bytes: Buffer): { readonly crc32c: string; readonly md5: string } {
  const crc = new CRC32C();
  crc.update(bytes);
  return { crc32c: crc.toString(), md5: createHash('md5').update(bytes).digest('base64') };
}

/** Small pages, so that every list has several. */
function page(names: readonly string[], url: URL, size: number) {
  const from = Number(url.searchParams.get('pageToken') ?? 0);
  const more = from + size < names.length ? { nextPageToken: String(from + size) } : {};
  return { shown: names.slice(from, from + size), nextPageToken: undefined, ...more };
}

function json(answer: ServerResponse, body: object): void {
  answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function fail(answer: ServerResponse, status: number, reason: string): void {
  const body = { error: { code: status, message: reason, errors: [{ reason, message: reason }] } };
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
