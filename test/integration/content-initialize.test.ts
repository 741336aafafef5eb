import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BackupRepository } from '../../src/content/backups.js';
import { initialize } from '../../src/content/initialize.js';
import { planOf } from '../../src/content/initializers/table.js';
import { READY_MARKER, writeReadyMarker } from '../../src/content/ready-marker.js';
import { createSnapshot, snapshotUrl } from '../../src/content/snapshots.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import {
  backupOptions,
  contentFolder,
  contentUser,
  contextFor,
  ids,
  newPlace,
  noAbort,
} from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { owner, workspace } = ids();
const fresh = { isFreshStart: true };
const again = { isFreshStart: false };

test('an empty workspace is empty', async () => {
  const { folder, run } = await setting();
  expect(await run({ empty: {} }, again)).toEqual({ source: 'from-other', metrics: [], warnings: [] });
  expect(await readdir(folder)).toEqual([]);
});

test('a committed backup is restored whatever the initializer says', async () => {
  const { folder, run, backedUp } = await setting();
  await backedUp();
  const result = await run(
    { git: { remoteUri: 'https://localhost:1/x', config: {}, checkoutLocation: 'x' } },
    again,
  );
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('one');
  expect(result).toMatchObject({
    source: 'from-backup',
    metrics: [{ type: 'fromBackup' }],
    warnings: [],
    checkoutLocation: 'x',
  });
});

test('a fresh start passes over the backup and keeps it', async () => {
  const { folder, run, backedUp, backups } = await setting();
  await backedUp();
  await run({ empty: {} }, fresh);
  expect(await readdir(folder)).toEqual([]);
  expect(await backups.latest(noAbort())).toMatchObject({ generation: 1 });
});

test('a backup that cannot be read fails the start, rather than give an empty workspace', async () => {
  const { folder, run, backedUp, objects } = await setting();
  await backedUp();
  await writeFile(join(objects, owner, 'workspaces', workspace, 'backups/000000000001.manifest.json'), '{');
  await expect(run({ empty: {} }, again)).rejects.toMatchObject({ code: 'manifest-unreadable' });
  expect(await readdir(folder)).toEqual([]);
});

test('from-backup without one says so, unless a volume has the content', async () => {
  const { run } = await setting();
  await expect(run({ backup: {} }, again)).rejects.toMatchObject({
    code: 'backup-not-found',
    message: expect.stringContaining('no backup found'),
  });
  expect(await run({ backup: { fromVolumeSnapshot: true } }, again)).toMatchObject({ source: 'from-backup' });
});

test('a snapshot of another workspace starts a new one', async () => {
  const { folder, run, place, base } = await setting();
  const content = await contentFolder(place, join(base, 'other'));
  await writeFile(join(content, 'a'), 'one');
  await createSnapshot(place, content, 'snapshot-1.tar', ids(), { signal: noAbort() });
  const snapshot = snapshotUrl(place.storage, ids(), 'snapshot-1.tar');
  const result = await run({ snapshot: { snapshot } }, again);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('one');
  expect(result).toMatchObject({ source: 'from-backup', metrics: [{ type: 'snapshot' }] });
});

test('an aborted set-up ends with its reason', async () => {
  const { run, backedUp } = await setting();
  await backedUp();
  await expect(run({ empty: {} }, again, AbortSignal.abort(new Error('disposed')))).rejects.toThrow(
    'disposed',
  );
});

test('the ready marker is what clients expect, and belongs to the content', async () => {
  const { folder, place } = await setting();
  const report = {
    source: 'from-other' as const,
    metrics: [{ type: 'git', durationMs: 1.5, sizeBytes: 7 }],
  };
  await writeReadyMarker(place.world.files, folder, contentUser, report);
  await writeReadyMarker(place.world.files, folder, contentUser, report);
  expect(JSON.parse(await readFile(join(folder, READY_MARKER), 'utf8'))).toEqual({
    source: 'from-other',
    metrics: [{ type: 'git', duration: 1_500_000, size: 7 }],
  });
  expect(await readdir(join(folder, '.gitpod'))).toEqual(['ready']);
  const stat = await place.world.files.stat(join(folder, READY_MARKER));
  expect(stat).toMatchObject({ mode: 0o644, uid: contentUser?.uid ?? process.getuid?.() });
  await rm(join(folder, '.gitpod'), { recursive: true });
  await writeReadyMarker(place.world.files, folder, contentUser, { source: 'from-backup', metrics: [] });
  expect(await readFile(join(folder, READY_MARKER), 'utf8')).toBe('{"source":"from-backup","metrics":null}');
});

test('the ready marker is not written through a link of the workspace', async () => {
  const { folder, place, base } = await setting();
  await mkdir(join(base, 'outside'));
  await symlink('../outside', join(folder, '.gitpod'));
  const writing = writeReadyMarker(place.world.files, folder, contentUser, {
    source: 'from-other',
    metrics: [],
  });
  await expect(writing).rejects.toMatchObject({ code: 'wrong-state' });
  expect(await readdir(join(base, 'outside'))).toEqual([]);
});

async function setting() {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  const place = newPlace(base);
  const folder = await contentFolder(place, join(base, 'content'));
  const backups = new BackupRepository(place, owner, workspace);
  const backedUp = async () => {
    const content = await contentFolder(place, join(base, 'before'));
    await writeFile(join(content, 'a'), 'one');
    await backups.create(content, backupOptions(content));
  };
  const run = (json: object, options: { isFreshStart: boolean }, signal = noAbort()) =>
    initialize(
      planOf(WorkspaceInitializer.fromJSON(json)),
      contextFor(place, folder, { backups, signal }),
      options,
    );
  return { base, place, folder, backups, backedUp, run, objects: place.objects };
}
