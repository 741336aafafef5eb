import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { S3Options } from '../../../src/storage/s3/options.js';
import { S3Storage } from '../../../src/storage/s3/storage.js';
import { createAuthority, issue } from '../../grpc/certificates.js';
import { hastyWorld } from '../../support/hasty-world.js';

const { signal } = new AbortController();

describe('S3Storage over TLS', () => {
  let folder: string;
  let server: Server;
  let port: number;
  const ca = createAuthority('storage authority');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'steward-tls-'));
    await writeFile(join(folder, 'ca.pem'), ca.certificatePem);
    await writeFile(join(folder, 'other.pem'), createAuthority('somebody else').certificatePem);
    const { certificatePem, keyPem } = issue(ca, ['127.0.0.1']);
    // What a head asks for is not there; nothing more is needed of this server.
    server = createServer({ cert: certificatePem, key: keyPem }, (_, answer) => answer.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const storage = (changes: Partial<S3Options>) =>
    new S3Storage(hastyWorld(), {
      flavour: 's3',
      endpoint: `https://127.0.0.1:${port}`,
      region: 'us-east-1',
      bucket: 'b',
      pathStyle: true,
      parallelUpload: 1,
      credentials: { kind: 'keys', accessKey: 'a', secretKey: 's' },
      ...changes,
    });

  it('trusts a server whose authority is configured', async () => {
    expect(await storage({ caFile: join(folder, 'ca.pem') }).head('a/1', signal)).toBeUndefined();
  });

  it.each([
    ['nobody vouches for', {}, 'certificate is not trusted'],
    ['another authority vouches for', { caFile: 'other.pem' }, 'certificate is not trusted'],
    ['has its authority in a file that is missing', { caFile: 'none.pem' }, 'cannot be read (ENOENT)'],
  ])('refuses one that %s, and says so', async (_, { caFile }: { caFile?: string }, text) => {
    const changes = caFile === undefined ? {} : { caFile: join(folder, caFile) };
    const head = storage(changes).head('a/1', signal);
    await expect(head).rejects.toMatchObject({ code: 'storage-refused' });
    await expect(head).rejects.toThrow(text);
  });

  it('says so when the server speaks no TLS, or only TLS', async () => {
    const plain = (await import('node:http')).createServer((_, answer) => answer.end());
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const address = plain.address();
    const endpoint = `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    await expect(storage({ endpoint }).head('a/1', signal)).rejects.toMatchObject({
      code: 'storage-refused',
    });
    plain.close();
    const wrong = storage({ endpoint: `http://127.0.0.1:${port}` }).head('a/1', signal);
    await expect(wrong).rejects.toMatchObject({ code: expect.stringMatching(/^storage-/) });
  });
});
