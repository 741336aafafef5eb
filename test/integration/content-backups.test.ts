import { readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { ArchivePlace } from '../../src/content/archive-objects.js';
import { BackupRepository } from '../../src/content/backups.js';
import { type BackupManifest, digestOf, encodeManifest } from '../../src/content/manifest.js';
import { restoreSnapshot } from '../../src/content/snapshots.js';
import { StewardError } from '../../src/errors/steward-error.js';
import type { ObjectStorage } from '../../src/storage/object-storage.js';
import { backupOptions, contentFolder, ids, newPlace, noAbort } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { owner, workspace, instance } = ids();
const elsewhere = 'bob/workspaces/vault/backups/000000000001-vault-1-12345678.tar.zst';

test('a backup restores what was there, and says what it holds', async () => {
  const { backups, content, place, folder } = await setting();
  await writeFile(join(content, 'a'), 'one');
  const { manifest } = await backups.create(content, backupOptions(content));
  const restored = await contentFolder(place, join(folder, 'restored'));
  await backups.restore(manifest, restored, { signal: noAbort() });
  expect(await describeTree(restored)).toEqual(await describeTree(content));
  expect(manifest).toMatchObject({ kind: 'backup', generation: 1, owner, workspace, instance });
  expect(manifest.parts).toMatchObject([{ kind: 'full', entries: 2 }]);
  expect(archiveOf(manifest)).toMatch(/^ada\/workspaces\/loom\/backups\/0{11}1-loom-1-/);
});

test('a workspace without backups has no latest one', async () => {
  const { backups } = await setting();
  expect(await backups.latest(noAbort())).toBeUndefined();
  expect(await backups.list(noAbort())).toEqual([]);
  await expect(backups.read(1, noAbort())).rejects.toMatchObject({ code: 'backup-not-found' });
});

test('every backup is a new generation, and the older ones stay', async () => {
  const { backups, content, place, folder } = await setting();
  await writeFile(join(content, 'a'), 'one');
  const { manifest: first } = await backups.create(content, backupOptions(content));
  await writeFile(join(content, 'a'), 'two');
  const { manifest: second } = await backups.create(content, backupOptions(content));
  expect(second).toMatchObject({ generation: 2, previousGeneration: 1 });
  expect(await backups.latest(noAbort())).toEqual(second);
  expect((await backups.list(noAbort())).map(({ generation }) => generation)).toEqual([1, 2]);
  const restored = await contentFolder(place, join(folder, 'restored'));
  await backups.restore(await backups.read(first.generation, noAbort()), restored, { signal: noAbort() });
  expect(await readFile(join(restored, 'a'), 'utf8')).toBe('one');
});

test('two backups at the same time both exist, one after the other', async () => {
  const { backups, content, place } = await setting();
  await writeFile(join(content, 'a'), 'one');
  const others = new BackupRepository(place, owner, workspace);
  const made = await Promise.all([
    backups.create(content, backupOptions(content)),
    others.create(content, { ...backupOptions(content), chain: `${content}-other-chain` }),
  ]);
  expect(made.map(({ manifest }) => manifest.generation).sort()).toEqual([1, 2]);
  for (const { manifest } of made) await backups.verify(manifest, { signal: noAbort() });
});

test('progress tells bytes of packing, then of verifying', async () => {
  const { backups, content } = await setting();
  await writeFile(join(content, 'a'), 'one');
  const steps: string[] = [];
  const { manifest } = await backups.create(content, {
    ...backupOptions(content),
    onProgress: ({ step, bytes }) => steps.push(`${step} ${bytes}`),
  });
  expect(steps.at(0)).toMatch(/^packing/);
  expect(steps.at(-1)).toBe(`verifying ${digestOf(manifest).sizeBytes}`);
});

describe('a storage that fails', () => {
  test('by taking an archive and keeping nothing of it', async () => {
    const { content, place, folder } = await setting();
    const backups = repository(place, { put: async (name, body) => drained(name, body) });
    await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({
      code: 'backup-failed',
    });
    expect(await repository(newPlace(folder)).latest(noAbort())).toBeUndefined();
  });

  test('by giving back other bytes than it got', async () => {
    const { content, place, objects } = await setting();
    const backups = repository(place, {
      get: async (name, more) => (await place.storage.get(name, more))?.pipe(flipped()),
    });
    await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({
      code: 'backup-failed',
    });
    expect(await filesBelow(objects)).toEqual([]);
  });

  test('by losing the manifest after it took it', async () => {
    const { content, place } = await setting();
    const backups = repository(place, {
      put: async (name, body, more) =>
        name.endsWith('.json') ? drained(name, body) : place.storage.put(name, body, more),
    });
    await expect(backups.create(content, backupOptions(content))).rejects.toMatchObject({
      code: 'backup-failed',
    });
  });

  test('before the commit, and the earlier backup is still the latest', async () => {
    const { backups, content, place } = await setting();
    const { manifest: first } = await backups.create(content, backupOptions(content));
    await writeFile(join(content, 'new'), 'more');
    const failing = repository(place, {
      put: async () => {
        throw new StewardError('storage-unavailable', 'gone');
      },
    });
    await expect(failing.create(content, backupOptions(content))).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await backups.latest(noAbort())).toEqual(first);
  });

  test('with an unknown outcome of the commit, and the archive stays for the manifest that may be there', async () => {
    const { backups, content, place } = await setting();
    const failing = repository(place, {
      put: async (name, body, more) => {
        const stored = await place.storage.put(name, body, more);
        if (name.endsWith('.json')) throw new StewardError('storage-unavailable', 'connection lost');
        return stored;
      },
    });
    await expect(failing.create(content, backupOptions(content))).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    const manifest = await backups.latest(noAbort());
    if (manifest === undefined) throw new Error('the commit had happened');
    await backups.verify(manifest, { signal: noAbort() });
  });
});

describe('what was damaged in the storage is refused', () => {
  test('an archive with a flipped bit', async () => {
    const { backups, content, place, objects, folder } = await setting();
    await writeFile(join(content, 'a'), 'one');
    const { manifest } = await backups.create(content, backupOptions(content));
    await damage(join(objects, archiveOf(manifest)));
    const restored = await contentFolder(place, join(folder, 'restored'));
    await expect(backups.verify(manifest, { signal: noAbort() })).rejects.toMatchObject({
      code: 'backup-failed',
    });
    await expect(backups.restore(manifest, restored, { signal: noAbort() })).rejects.toMatchObject({
      code: 'archive-damaged',
    });
  });

  test('an archive that is gone', async () => {
    const { backups, content, place, objects, folder } = await setting();
    const { manifest } = await backups.create(content, backupOptions(content));
    await unlink(join(objects, archiveOf(manifest)));
    const restored = await contentFolder(place, join(folder, 'restored'));
    await expect(backups.restore(manifest, restored, { signal: noAbort() })).rejects.toMatchObject({
      code: 'archive-damaged',
    });
  });

  test.each([
    ['cut in half', (text: string) => text.slice(0, text.length >> 1)],
    ['empty', () => ''],
    ['with another size', (text: string) => text.replace(/"sizeBytes": \d+/, '"sizeBytes": 1')],
    ['of the future', (text: string) => text.replace('"version": 2', '"version": 3')],
  ])('a newest manifest %s, rather than an older one or nothing used instead', async (_, change) => {
    const { backups, content, objects } = await setting();
    await backups.create(content, backupOptions(content));
    await writeFile(join(content, 'new'), 'more');
    const { manifest: newest } = await backups.create(content, backupOptions(content));
    const path = manifestPath(objects, newest.generation);
    await writeFile(path, change(await readFile(path, 'utf8')));
    await expect(backups.latest(noAbort())).rejects.toMatchObject({ code: 'manifest-unreadable' });
  });

  test('a manifest of another generation or workspace under this name', async () => {
    const { backups, content, objects } = await setting();
    await backups.create(content, backupOptions(content));
    await rename(manifestPath(objects, 1), manifestPath(objects, 7));
    await expect(backups.latest(noAbort())).rejects.toMatchObject({ code: 'manifest-unreadable' });
  });

  test('a well sealed manifest that names an archive of another workspace', async () => {
    const { backups, content, place, objects, folder } = await setting();
    const { manifest } = await backups.create(content, backupOptions(content));
    const stolen = { ...manifest, parts: manifest.parts.map((part) => ({ ...part, archive: elsewhere })) };
    await writeFile(manifestPath(objects, 1), encodeManifest(stolen));
    const refused = { code: 'manifest-unreadable', message: expect.stringContaining('elsewhere') };
    await expect(backups.latest(noAbort())).rejects.toMatchObject(refused);
    const restored = await contentFolder(place, join(folder, 'restored'));
    const options = { signal: noAbort() };
    await expect(restoreSnapshot(place, backups.urlOf(1), restored, options)).rejects.toMatchObject(refused);
    expect(await readdir(restored)).toEqual([]);
  });

  test('a manifest of a backup that does not lie where those of workspaces do', async () => {
    const { backups, content, place, objects, folder } = await setting();
    await backups.create(content, backupOptions(content));
    const url = backups.urlOf(1).replace('/workspaces/', '/others/');
    await rename(join(objects, owner, 'workspaces'), join(objects, owner, 'others'));
    const restored = await contentFolder(place, join(folder, 'restored'));
    const options = { signal: noAbort() };
    const refused = { code: 'snapshot-not-found' };
    await expect(restoreSnapshot(place, url, restored, options)).rejects.toMatchObject(refused);
  });
});

test('an aborted backup leaves no object, and an orphan of a crash is swept when it is old enough', async () => {
  const { backups, content, objects } = await setting();
  await writeFile(join(content, 'a'), Buffer.alloc(20_000_000));
  const controller = new AbortController();
  const creating = backups.create(content, {
    ...backupOptions(content),
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(creating).rejects.toThrow('enough');
  expect(await filesBelow(objects)).toEqual([]);

  const { manifest: kept } = await backups.create(content, backupOptions(content));
  await writeFile(join(content, 'b'), 'more');
  const { manifest: orphan } = await backups.create(content, backupOptions(content));
  await rm(manifestPath(objects, orphan.generation));
  expect(await backups.sweepOrphans(Date.now() - 3_600_000, noAbort())).toEqual([]);
  expect(await backups.sweepOrphans(Date.now() + 3_600_000, noAbort())).toEqual([archiveOf(orphan)]);
  await backups.verify(kept, { signal: noAbort() });
});

test('content is not called saved by a backup that is removed meanwhile', async () => {
  const { place, content, objects, backups } = await setting();
  const { manifest } = await backups.create(content, backupOptions(content));
  const losing = repository(place, { settle: () => rm(manifestPath(objects, manifest.generation)) });
  await expect(losing.create(content, backupOptions(content))).rejects.toMatchObject({
    code: 'backup-failed',
  });
  const again = await backups.create(content, backupOptions(content));
  expect(again.kind).toBe('committed');
  await backups.verify(again.manifest, { signal: noAbort() });
});

async function setting() {
  const folder = await temporaryFolder();
  const place = newPlace(folder);
  const content = await contentFolder(place, join(folder, 'content'));
  return { folder, place, content, objects: place.objects, backups: repository(place) };
}

/** The repository over a storage of which some operations are replaced. */
function repository(place: ArchivePlace, changed: Partial<ObjectStorage> = {}): BackupRepository {
  const { storage } = place;
  const through: ObjectStorage = {
    urlOf: (name) => storage.urlOf(name),
    nameOf: (url) => storage.nameOf(url),
    // As most storages: without a digest of its own, so that what it keeps is read back.
    put: async (...args) => {
      const { sha256: _sha256, ...stored } = await storage.put(...args);
      return stored;
    },
    replace: (...args) => storage.replace(...args),
    get: (...args) => storage.get(...args),
    head: (...args) => storage.head(...args),
    settle: (...args) => storage.settle(...args),
    list: (...args) => storage.list(...args),
    delete: (...args) => storage.delete(...args),
    deleteMany: (...args) => storage.deleteMany(...args),
    sign: (...args) => storage.sign(...args),
    sweep: (...args) => storage.sweep(...args),
    check: (...args) => storage.check(...args),
    ...changed,
  };
  return new BackupRepository({ ...place, storage: through }, owner, workspace);
}

async function drained(name: string, body: Readable) {
  for await (const _ of body);
  return { name, sizeBytes: 0, modifiedMs: 0 };
}

function flipped(): PassThrough {
  return new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(chunk.map((byte) => byte ^ 1)));
    },
  });
}

async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
  await writeFile(path, bytes);
}

function archiveOf({ parts }: BackupManifest): string {
  const newest = parts.at(-1);
  if (newest === undefined) throw new Error('a backup without an archive');
  return newest.archive;
}

function manifestPath(objects: string, generation: number): string {
  const name = `${String(generation).padStart(12, '0')}.manifest.json`;
  return join(objects, owner, 'workspaces', workspace, 'backups', name);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
