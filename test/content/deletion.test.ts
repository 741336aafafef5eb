import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { DELETION_BATCH_OBJECTS_MAX } from '../../src/content/bounds.js';
import { type DeletionScope, deleteStoredContent } from '../../src/content/deletion.js';
import type { ObjectName, ObjectStorage } from '../../src/storage/object-storage.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { ids, newPlace, noAbort } from './support/place.js';

const { owner, workspace } = ids();
const OBJECTS = [
  'ada/blobs/picture',
  'ada/workspaces/loom/backups/000000000001-loom-1-aa.tar.zst',
  'ada/workspaces/loom/backups/000000000001.manifest.json',
  'ada/workspaces/loom/backups/000000000002-loom-1-bb.tar.zst',
  'ada/workspaces/loom/backups/000000000002.manifest.json',
  'ada/workspaces/loom/instances/loom-1/logs/1',
  'ada/workspaces/loom/snapshot-17.tar',
  'ada/workspaces/loom/snapshot-17.tar.manifest.json',
  'ada/workspaces/loom-2/full.tar',
  'bob/workspaces/loom/backups/000000000001.manifest.json',
];

let storage: ObjectStorage;
beforeEach(async () => {
  storage = newPlace(await temporaryFolder()).storage;
  for (const name of OBJECTS) await store(name);
});

describe('deleting stored content', () => {
  it('counts what would go, and removes nothing', async () => {
    const deletion = await deleteStoredContent(storage, scope({ includeSnapshots: true }), options(true));
    expect(deletion).toMatchObject({ objects: 7, bytes: 7 });
    expect(deletion.workspaces).toEqual([
      { workspace: 'loom', backups: 2, snapshots: 1, objects: 7, bytes: 7 },
    ]);
    expect(await names()).toEqual([...OBJECTS].sort());
  });

  it('removes a workspace, and neither its namesake of another owner nor one that begins like it', async () => {
    await deleteStoredContent(storage, scope({ includeSnapshots: true }), options());
    expect(await names()).toEqual([
      'ada/blobs/picture',
      'ada/workspaces/loom-2/full.tar',
      'bob/workspaces/loom/backups/000000000001.manifest.json',
    ]);
  });

  it('keeps snapshots unless they are to go, too', async () => {
    expect(await deleteStoredContent(storage, scope({}), options())).toMatchObject({ objects: 5 });
    expect((await names()).filter((name) => name.includes('/loom/'))).toEqual([
      'ada/workspaces/loom/snapshot-17.tar',
      'ada/workspaces/loom/snapshot-17.tar.manifest.json',
      'bob/workspaces/loom/backups/000000000001.manifest.json',
    ]);
  });

  it('removes all of an owner, blobs included, and nothing of others', async () => {
    const everything = scope({ workspace: undefined, includeSnapshots: true });
    const deletion = await deleteStoredContent(storage, everything, options());
    expect(deletion.objects).toBe(9);
    expect(deletion.workspaces.map((one) => one.workspace)).toEqual(['loom', 'loom-2']);
    expect(await names()).toEqual(['bob/workspaces/loom/backups/000000000001.manifest.json']);
  });

  it('goes on after an interruption, which leaves no manifest without its archives', async () => {
    for (let removals = 0; ; removals += 1) {
      const failing = failingAfter(storage, removals);
      const broken = await deleteStoredContent(failing, scope({}), options()).then(
        () => false,
        () => true,
      );
      const left = (await names()).filter((name) => name.startsWith('ada/workspaces/loom/backups/'));
      const manifests = left.filter((name) => name.endsWith('.manifest.json'));
      if (manifests.length > 0) expect(left.filter((name) => name.includes('.tar.'))).toHaveLength(2);
      if (!broken) break;
    }
    expect(await deleteStoredContent(storage, scope({}), options())).toMatchObject({ objects: 0 });
  });

  it('asks for no more than one batch at once', async () => {
    const left = new Set<ObjectName>();
    const count = 2 * DELETION_BATCH_OBJECTS_MAX + 3;
    for (let index = 0; index < count; index += 1) left.add(`ada/workspaces/many/backups/${index}.tar`);
    const batches: number[] = [];
    const many = changed(storage, {
      list: async function* () {
        for (const name of [...left]) yield { name, sizeBytes: 1, modifiedMs: 0 };
      },
      deleteMany: async (wanted) => {
        batches.push(wanted.length);
        for (const name of wanted) left.delete(name);
      },
    });
    expect((await deleteStoredContent(many, scope({ workspace: undefined }), options())).objects).toBe(count);
    expect(batches).toEqual([DELETION_BATCH_OBJECTS_MAX, DELETION_BATCH_OBJECTS_MAX, 3]);
  });

  it('says so when the storage only pretends to remove', async () => {
    const lying = changed(storage, { deleteMany: async () => undefined });
    await expect(deleteStoredContent(lying, scope({}), options())).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
  });

  it('stops when its caller leaves', async () => {
    const leaving = new AbortController();
    leaving.abort(new Error('gone'));
    const deletion = deleteStoredContent(storage, scope({}), { dryRun: false, signal: leaving.signal });
    await expect(deletion).rejects.toThrow('gone');
    expect(await names()).toEqual([...OBJECTS].sort());
  });
});

function scope(changes: Partial<DeletionScope>): DeletionScope {
  return { owner, workspace, includeSnapshots: false, ...changes };
}

function options(dryRun = false) {
  return { dryRun, signal: noAbort() };
}

async function store(name: ObjectName): Promise<void> {
  await storage.put(name, Readable.from([Buffer.from('x')], { objectMode: false }), { signal: noAbort() });
}

async function names(): Promise<readonly ObjectName[]> {
  const found: ObjectName[] = [];
  for await (const { name } of storage.list('', noAbort())) found.push(name);
  return found.sort();
}

/** A storage whose n-th removal and all later ones fail. */
function failingAfter(real: ObjectStorage, removals: number): ObjectStorage {
  let left = removals;
  return changed(real, {
    deleteMany: async (wanted, signal) => {
      for (const name of wanted) {
        if (left === 0) throw new Error('the storage is away');
        left -= 1;
        await real.delete(name, signal);
      }
    },
  });
}

function changed(real: ObjectStorage, changes: Partial<ObjectStorage>): ObjectStorage {
  return {
    urlOf: (name) => real.urlOf(name),
    nameOf: (url) => real.nameOf(url),
    put: (...args) => real.put(...args),
    replace: (...args) => real.replace(...args),
    get: (...args) => real.get(...args),
    head: (...args) => real.head(...args),
    settle: (...args) => real.settle(...args),
    list: (...args) => real.list(...args),
    delete: (...args) => real.delete(...args),
    deleteMany: (...args) => real.deleteMany(...args),
    sign: (...args) => real.sign(...args),
    sweep: (...args) => real.sweep(...args),
    check: (...args) => real.check(...args),
    ...changes,
  };
}
