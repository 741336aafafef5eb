import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BackupRepository } from '../../../src/content/backups.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { GcsStorage } from '../../../src/storage/gcs/storage.js';
import { RetryingStorage } from '../../../src/storage/retrying.js';
import { backupOptions, contentFolder, contentUser, ids } from '../../content/support/place.js';
import { type Fault, FaultProxy, type SeenRequest } from '../../support/fault-proxy.js';
import { GcsServer } from '../../support/gcs-server.js';
import { hastyWorld } from '../../support/hasty-world.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const { signal } = new AbortController();
const { owner, workspace } = ids();
/** More than goes in one request. */
const LARGE = Buffer.alloc(1024 * 1024, 'steward');

describe('Google Cloud Storage that is slow, silent, broken or lies', { timeout: 60_000 }, () => {
  let server: GcsServer;
  let proxy: FaultProxy;

  beforeAll(async () => {
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
  });

  const open = () => {
    const options = {
      stage: 'prod',
      project: 'p',
      region: 'europe-west1',
      endpoint: proxy.endpoint,
    } as const;
    return new RetryingStorage(new GcsStorage(hastyWorld(), options), hastyWorld());
  };
  const kept = (name: string) => server.buckets.get('gitpod-prod-user-a')?.get(name)?.bytes;

  it('is slow, and that is all', async () => {
    proxy.rule = () => ({ kind: 'slow', milliseconds: 20 });
    await open().put('a/1', Readable.from([LARGE]), { signal });
    expect(kept('1')?.equals(LARGE)).toBe(true);
  });

  it('is left at once by who gives up, also while it is silent', async () => {
    await open().put('a/0', Readable.from(['x']), { signal });
    proxy.rule = (request) => (isUpload(request) ? { kind: 'silent' } : undefined);
    const abort = new AbortController();
    const before = proxy.seen.length;
    const put = open().put('a/1', Readable.from(['x']), { signal: abort.signal });
    put.catch(() => undefined);
    await expect.poll(() => proxy.seen.slice(before).some(isUpload)).toBe(true);
    abort.abort(new Error('no longer wanted'));
    await expect(put).rejects.toThrow('no longer wanted');
  });

  it('is unavailable while it is broken, and is used again after that', async () => {
    const storage = open();
    await storage.check(signal);
    proxy.rule = (request) => (isUpload(request) ? { kind: 'cut-request', afterBytes: 0 } : undefined);
    await expect(storage.check(signal)).rejects.toMatchObject({ code: 'storage-unavailable' });
    proxy.rule = () => undefined;
    await storage.check(signal);
    await storage.put('a/1', Readable.from(['x']), { signal });
    expect(String(kept('1'))).toBe('x');
  });

  it('is not believed when it accepts and keeps nothing', async () => {
    await open().put('a/0', Readable.from(['x']), { signal });
    const claims = { name: '1', bucket: 'gitpod-prod-user-a', size: '1', crc32c: 'AAAAAA==' };
    proxy.rule = (request) => (isUpload(request) ? answer(200, claims) : undefined);
    await expect(open().put('a/1', Readable.from(['x']), { signal })).rejects.toThrow();
    await expect(open().check(signal)).rejects.toThrow();
    expect(await open().head('a/1', signal)).toBeUndefined();
  });

  it('says when one of many is not deleted', async () => {
    for (const name of ['a/0', 'a/1', 'a/2']) await open().put(name, Readable.from(['x']), { signal });
    const error = { code: 403, message: 'no', errors: [{ reason: 'forbidden' }] };
    proxy.rule = ({ method, url }) =>
      method === 'DELETE' && url.includes('/o/1') ? answer(403, { error }) : undefined;
    const deleting = open().deleteMany(['a/0', 'a/1', 'a/2'], signal);
    await expect(deleting).rejects.toMatchObject({ code: 'storage-refused' });
    expect(kept('1')).toBeDefined();
  });

  it('gets no backup committed while it returns other bytes, and its later lies restore nothing', async () => {
    const folder = await temporaryFolder();
    const place = { world: realWorld(), storage: open(), user: contentUser };
    const content = await contentFolder(place, join(folder, 'content'));
    await writeFile(join(content, 'file'), randomBytes(10_000));
    const backups = new BackupRepository(place, owner, workspace);
    const lies = (request: SeenRequest): Fault | undefined =>
      isArchiveRead(request) ? { kind: 'flip' } : undefined;
    proxy.rule = lies;
    const refused = { code: 'backup-failed' };
    await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject(refused);
    proxy.rule = () => undefined;
    expect(await backups.latest(signal)).toBeUndefined();
    const { manifest } = await backups.create(content, backupOptions(content));
    proxy.rule = lies;
    await expect(backups.verify(manifest, { signal })).rejects.toMatchObject(refused);
    const restoring = backups.restore(manifest, await contentFolder(place, join(folder, 'restored')), {
      signal,
    });
    await expect(restoring).rejects.toMatchObject({ code: 'archive-damaged' });
  });
});

function isUpload({ method, url }: SeenRequest): boolean {
  return method === 'POST' && url.startsWith('/upload/');
}

function isArchiveRead({ url }: SeenRequest): boolean {
  return url.includes('alt=media') && url.includes('backups') && !url.includes('.manifest.json');
}

function answer(status: number, body: object): Fault {
  return {
    kind: 'answer',
    status,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
}
