import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../machines/ids.js';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { BackupRepository } from '../../src/content/backups.js';
import { createSnapshot } from '../../src/content/snapshots.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { workspacePrograms } from '../../src/gateways/simulated/programs/table.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import type { ObjectName, StoredObject } from '../../src/storage/object-storage.js';

it('ends the look at the content when the archive has failed meanwhile', async () => {
  const world = SimulatedWorld.fromSeed(1, workspacePrograms);
  world.processes.faults = { at: (program) => (program === 'find' ? { kind: 'hangs' } : undefined) };
  world.files.disk.makeFolders('/content', 0o755);
  const storage = new Refusing(world, { folder: '/storage', witness: '/witness', bucket: 'steward' });
  const { signal } = new AbortController();
  const place = { world, storage, user: undefined };
  const making = createSnapshot(place, '/content', 'snapshot-1.tar', origin(), { signal });
  await expect(world.time.runUntilSettled(making, 60_000)).rejects.toMatchObject({ code: 'storage-refused' });
  await world.time.settle();
  expect(world.processes.commands).toEqual([]);
});

it('tells a sync that fails early to whoever asked for the backup, and ends nothing else', async () => {
  const world = SimulatedWorld.fromSeed(1, workspacePrograms);
  const isSync = (program: string) => program === 'sync';
  world.processes.faults = { at: (program) => (isSync(program) ? { kind: 'dies', afterMs: 0 } : undefined) };
  // What goes on beside the sync takes longer than the sync.
  world.files.faults = { at: (_, path) => (path.startsWith('/chain') ? { latencyMs: 100 } : undefined) };
  world.files.disk.makeFolders('/content', 0o755);
  const options = { folder: '/storage', witness: '/witness', bucket: 'steward' };
  const place = { world, storage: new DirectoryStorage(world, options), user: undefined };
  const { owner, workspace, instance } = origin();
  const { signal } = new AbortController();
  const policy = DEFAULT_BACKUP_POLICY;
  const making = new BackupRepository(place, owner, workspace).create('/content', {
    ...{ instance, chain: '/chain', policy, signal },
  });
  const failure = { code: 'content-initialization-failed' };
  await expect(world.time.runUntilSettled(making, 60_000)).rejects.toMatchObject(failure);
});

/** Takes everything and then says no. */
class Refusing extends DirectoryStorage {
  override async put(_name: ObjectName, body: Readable): Promise<StoredObject> {
    for await (const _ of body);
    throw new StewardError('storage-refused', 'no');
  }
}

function origin() {
  const [owner, workspace, instance] = ['o', 'w', 'i'];
  if (!isOwnerId(owner) || !isWorkspaceId(workspace) || !isInstanceId(instance)) throw new Error('no ids');
  return { owner, workspace, instance };
}
