import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BackupRepository } from '../../src/content/backups.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { RetryingStorage } from '../../src/storage/retrying.js';
import { S3Storage } from '../../src/storage/s3/storage.js';
import { backupOptions, contentFolder, contentUser, ids, noAbort } from '../content/support/place.js';
import { FaultProxy, type SeenRequest } from '../support/fault-proxy.js';
import { hastyWorld } from '../support/hasty-world.js';
import { newBucket, s3Options } from '../support/s3-storage.js';
import { startS3rver } from '../support/s3rver.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { owner, workspace } = ids();
let server: Awaited<ReturnType<typeof startS3rver>>;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startS3rver();
  proxy = await FaultProxy.before(server.endpoint);
});
beforeEach(() => {
  proxy.rule = () => undefined;
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

test('a backup to S3, in several parts, restores what was there', async () => {
  const { backups, content, place, folder } = await setting();
  const { manifest } = await backups.create(content, backupOptions(content));
  const restored = await contentFolder(place, join(folder, 'restored'));
  await backups.restore(manifest, restored, { signal: noAbort() });
  const [before, after] = await Promise.all([content, restored].map((path) => readFile(join(path, 'large'))));
  expect(after?.equals(before ?? Buffer.alloc(0))).toBe(true);
  expect(proxy.seen.some(({ url }) => url.includes('partNumber=2'))).toBe(true);
});

test.each([
  ['accepts an archive and stores nothing', isArchiveWrite, { kind: 'answer', status: 200 }],
  ['returns other bytes than it was given', isArchiveRead, { kind: 'flip' }],
] as const)('a server that %s gets no backup committed', async (_, isMeant, fault) => {
  const { backups, content } = await setting(1_000);
  proxy.rule = (request) => (isMeant(request) ? fault : undefined);
  await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({
    code: expect.stringMatching(/^(?:backup-failed|storage-unavailable)$/),
  });
  proxy.rule = () => undefined;
  expect(await backups.latest(noAbort())).toBeUndefined();
});

test('a server that even claims to have what it never stored is found out by reading back', async () => {
  const { backups, content } = await setting(1_000);
  let size = '0';
  proxy.rule = (request) => {
    if (isArchiveWrite(request)) size = String(request.headers['content-length']);
    if (isArchiveWrite(request)) return { kind: 'answer', status: 200 };
    const isAsked = request.method === 'HEAD' && isArchive(request) && size !== '0';
    return isAsked ? { kind: 'answer', status: 200, headers: { 'content-length': size } } : undefined;
  };
  await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({
    code: 'backup-failed',
  });
  proxy.rule = () => undefined;
  expect(await backups.latest(noAbort())).toBeUndefined();
});

test('a server that lies later, when the backup is restored, is found out, too', async () => {
  const { backups, content, place, folder } = await setting(1_000);
  const { manifest } = await backups.create(content, backupOptions(content));
  proxy.rule = (request) => (isArchiveRead(request) ? { kind: 'flip' } : undefined);
  await expect(backups.verify(manifest, { signal: noAbort() })).rejects.toMatchObject({
    code: 'backup-failed',
  });
  const restored = await contentFolder(place, join(folder, 'restored'));
  await expect(backups.restore(manifest, restored, { signal: noAbort() })).rejects.toMatchObject({
    code: 'archive-damaged',
  });
});

test('a full storage says so, and the backup before stays the newest', async () => {
  const { backups, content } = await setting(1_000);
  const { manifest } = await backups.create(content, backupOptions(content));
  await writeFile(join(content, 'more'), 'x');
  proxy.rule = (request) =>
    request.method === 'PUT' ? { kind: 'answer', status: 507, body: '' } : undefined;
  await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({ code: 'disk-full' });
  proxy.rule = () => undefined;
  expect(await backups.latest(noAbort())).toEqual(manifest);
});

async function setting(bytes = 20_000_000) {
  const folder = await temporaryFolder();
  const bucket = await newBucket(server);
  const options = s3Options({ ...server, endpoint: proxy.endpoint }, { bucket });
  const storage = new RetryingStorage(new S3Storage(hastyWorld(), options), hastyWorld());
  const place = { world: realWorld(), storage, user: contentUser };
  const content = await contentFolder(place, join(folder, 'content'));
  await mkdir(join(content, 'sub'));
  await writeFile(join(content, 'large'), randomBytes(bytes));
  return { folder, place, content, backups: new BackupRepository(place, owner, workspace) };
}

function isArchive({ url }: SeenRequest): boolean {
  return url.includes('/backups/') && !url.includes('.manifest.json') && !url.includes('prefix=');
}

function isArchiveWrite(request: SeenRequest): boolean {
  return request.method === 'PUT' && isArchive(request);
}

function isArchiveRead(request: SeenRequest): boolean {
  return request.method === 'GET' && isArchive(request);
}
