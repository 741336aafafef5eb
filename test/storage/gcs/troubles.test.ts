import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GcsOptions } from '../../../src/storage/gcs/options.js';
import { GcsStorage } from '../../../src/storage/gcs/storage.js';
import { RetryingStorage } from '../../../src/storage/retrying.js';
import { type Fault, FaultProxy, type SeenRequest } from '../../support/fault-proxy.js';
import { GcsServer } from '../../support/gcs-server.js';
import { hastyWorld } from '../../support/hasty-world.js';

const { signal } = new AbortController();
/** More than two chunks. */
const LARGE = Buffer.alloc(40 * 1024 * 1024, 'steward');

describe('Google Cloud Storage in trouble', { timeout: 60_000 }, () => {
  let server: GcsServer;
  let proxy: FaultProxy;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'steward-gcs-'));
    server = await GcsServer.start();
    proxy = await FaultProxy.before(server.endpoint);
  });
  beforeEach(() => {
    server.buckets.clear();
    proxy.rule = () => undefined;
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const open = (changes: Partial<GcsOptions> = {}) => {
    const options = {
      stage: 'prod',
      project: 'p',
      region: 'europe-west1',
      endpoint: proxy.endpoint,
    } as const;
    return new RetryingStorage(new GcsStorage(hastyWorld(), { ...options, ...changes }), hastyWorld());
  };
  const kept = (name: string) => server.buckets.get('gitpod-prod-user-a')?.get(name)?.bytes;

  it('makes the bucket of an owner in the configured region, also when somebody else is first', async () => {
    await open().put('a/1', Readable.from(['x']), { signal });
    expect(server.locations.get('gitpod-prod-user-a')).toBe('europe-west1');
    server.buckets.clear();
    const refusal = JSON.stringify({
      error: { code: 409, message: 'taken', errors: [{ reason: 'conflict' }] },
    });
    proxy.rule = ({ method, url }) => {
      if (method !== 'POST' || !url.startsWith('/storage/v1/b?')) return undefined;
      server.buckets.set('gitpod-prod-user-a', new Map());
      return { kind: 'answer', status: 409, body: refusal, headers: { 'content-type': 'application/json' } };
    };
    await open().put('a/1', Readable.from(['x']), { signal });
    expect(String(kept('1'))).toBe('x');
  });

  it('repeats a chunk after a failure of the server, from memory', async () => {
    let failures = 0;
    proxy.rule = (request) => {
      if (!isChunk(request) || !isRange(request, 16 * 1024 * 1024) || failures === 1) return undefined;
      failures += 1;
      return refusal(503, 'backendError');
    };
    await open().put('a/1', Readable.from([LARGE]), { signal });
    expect(failures).toBe(1);
    expect(kept('1')?.equals(LARGE)).toBe(true);
  });

  it('makes one object when the answer to the last request is lost', async () => {
    let cuts = 0;
    proxy.rule = ({ url }) => {
      if (!url.includes('uploadType=multipart') || cuts > 0) return undefined;
      cuts += 1;
      return { kind: 'cut-answer' };
    };
    await open().put('a/1', Readable.from(['small']), { signal });
    expect(cuts).toBe(1);
    expect(String(kept('1'))).toBe('small');
  });

  it('ends a reading that breaks off with a failure', async () => {
    await open().put('a/1', Readable.from([LARGE]), { signal });
    proxy.rule = ({ url }) =>
      url.includes('alt=media') ? { kind: 'cut-body', afterBytes: 1_000_000 } : undefined;
    const object = await open().get('a/1', { signal });
    await expect(object && buffer(object)).rejects.toMatchObject({ code: 'storage-unavailable' });
  });

  it.each([
    [401, 'authError', 'storage-refused', 'does not take the credentials'],
    [403, 'forbidden', 'storage-refused', 'denies access with these credentials'],
    [403, 'quotaExceeded', 'disk-full', 'quota is used up'],
  ])('says what %i %s means', async (status, reason, code, text) => {
    await open().put('a/1', Readable.from(['x']), { signal });
    proxy.rule = ({ method }) => (method === 'POST' ? refusal(status, reason) : undefined);
    const put = open().put('a/2', Readable.from(['x']), { signal });
    await expect(put).rejects.toMatchObject({ code });
    await expect(put).rejects.toThrow(text);
    expect(kept('2')).toBeUndefined();
  });

  it('says that the credentials file is missing', async () => {
    const storage = open({ credentialsFile: join(folder, 'none.json') });
    await expect(storage.check(signal)).rejects.toMatchObject({ code: 'storage-refused' });
    await expect(storage.check(signal)).rejects.toThrow('There is no credentials file');
  });

  it('signs links for an hour to read and half an hour to write, with the key of the service account', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const account = {
      type: 'service_account',
      client_email: 'steward@p.iam.gserviceaccount.com',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    const credentialsFile = join(folder, 'account.json');
    await writeFile(credentialsFile, JSON.stringify(account));
    for (const [access, seconds] of [
      ['read', 3_600],
      ['write', 1_800],
    ] as const) {
      const url = new URL(await open({ credentialsFile }).sign('a/blobs/x', access, signal));
      expect(url.pathname).toBe('/gitpod-prod-user-a/blobs/x');
      expect(Number(url.searchParams.get('X-Goog-Expires'))).toBeGreaterThan(seconds - 10);
      expect(Number(url.searchParams.get('X-Goog-Expires'))).toBeLessThanOrEqual(seconds);
    }
  });
});

function isChunk({ method, url }: SeenRequest): boolean {
  return method === 'PUT' && url.includes('upload_id');
}

function isRange({ headers }: SeenRequest, start: number): boolean {
  return String(headers['content-range']).startsWith(`bytes ${start}-`);
}

function refusal(status: number, reason: string): Fault {
  const body = JSON.stringify({ error: { code: status, message: 'secretive', errors: [{ reason }] } });
  return { kind: 'answer', status, body, headers: { 'content-type': 'application/json' } };
}
