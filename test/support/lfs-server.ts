import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { answerGit, listen } from '../content/support/git-server.js';

export interface LfsServer {
  /** URL of the folder the repositories lie in. */
  readonly url: string;
  /** `METHOD path` of every request for Git LFS, with whether it carried credentials. */
  readonly asked: { readonly what: string; readonly isAuthorized: boolean }[];
  /** Keeps content; returns the pointer that stands for it in a repository. */
  keep(content: Buffer): string;
}

export interface LfsServerOptions {
  /** Of the user `ada`; absent: everybody may read. */
  readonly password?: string;
  /** Where clients are sent for objects; absent: to this server. */
  readonly objectsAt?: string;
  /** What is answered instead of an object. */
  readonly objectStatus?: number;
  /** What is sent in the place of an object's bytes. */
  readonly instead?: (content: Buffer) => Buffer;
}

/**
 * Serves the repositories below `root` as `serveGit` does, and Git LFS's batch API (its docs/api/batch.md) with the
 * objects beside them, at the URLs git-lfs makes of a clone URL.
 */
export async function serveLfs(root: string, options: LfsServerOptions = {}): Promise<LfsServer> {
  const objects = new Map<string, Buffer>();
  const asked: LfsServer['asked'] = [];
  const expected = `Basic ${Buffer.from(`ada:${options.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const { authorization, host } = request.headers;
    const [path = ''] = (request.url ?? '').split('?');
    const isLfs = /\/info\/lfs\/|^\/objects\//.test(path);
    if (isLfs) asked.push({ what: `${request.method} ${path}`, isAuthorized: authorization !== undefined });
    if (options.password !== undefined && authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    } else if (path.endsWith('/info/lfs/objects/batch')) {
      void answerBatch(objects, options.objectsAt ?? `http://${host}`, request, response);
    } else if (path.startsWith('/objects/')) {
      answerObject(objects.get(path.slice('/objects/'.length)), options, response);
    } else if (isLfs) {
      response.writeHead(404).end();
    } else {
      answerGit(root, request, response);
    }
  });
  const keep = (content: Buffer): string => {
    const oid = createHash('sha256').update(content).digest('hex');
    objects.set(oid, content);
    return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${content.length}\n`;
  };
  return { url: await listen(server), asked, keep };
}

async function answerBatch(
  kept: ReadonlyMap<string, Buffer>,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const wanted: { objects: { oid: string; size: number }[] } = JSON.parse(Buffer.concat(chunks).toString());
  const objects = wanted.objects.map(({ oid, size }) =>
    kept.has(oid)
      ? { oid, size, actions: { download: { href: `${base}/objects/${oid}` } } }
      : { oid, size, error: { code: 404, message: 'no such object' } },
  );
  response
    .writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' })
    .end(JSON.stringify({ transfer: 'basic', objects }));
}

function answerObject(
  content: Buffer | undefined,
  { objectStatus = 200, instead = (bytes: Buffer) => bytes }: LfsServerOptions,
  response: ServerResponse,
): void {
  if (content === undefined || objectStatus !== 200) {
    response.writeHead(content === undefined ? 404 : objectStatus).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(instead(content));
}
