import { mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { SnapshotManifest } from '../../src/content/manifest.js';
import {
  clearSnapshot,
  createSnapshot,
  newSnapshotName,
  readSnapshot,
  restoreSnapshot,
  snapshotUrl,
} from '../../src/content/snapshots.js';
import { contentFolder, ids, newPlace, noAbort } from '../content/support/place.js';
import { tarFile } from '../content/support/tar-file.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const origin = ids();

test('a snapshot is known by its URL once it is finished, and restores', async () => {
  const { place, content, target, name, url } = await setting();
  await writeFile(join(content, 'a'), 'one');
  expect(await readSnapshot(place.storage, url, noAbort())).toBeUndefined();
  const manifest = await createSnapshot(place, content, name, origin, { signal: noAbort() });
  expect(url).toBe(`${archiveOf(manifest)}@steward`);
  expect(await readSnapshot(place.storage, url, noAbort())).toEqual(manifest);
  await restoreSnapshot(place, url, target, { signal: noAbort() });
  expect(await describeTree(target)).toEqual(await describeTree(content));
});

test('a snapshot that a crash left without its manifest is not restored, and can be made again', async () => {
  const { place, content, target, name, url } = await setting();
  const archive = archiveOf(await createSnapshot(place, content, name, origin, { signal: noAbort() }));
  await unlink(join(place.objects, `${archive}.manifest.json`));
  await expect(restoreSnapshot(place, url, target, { signal: noAbort() })).rejects.toMatchObject({
    code: 'snapshot-not-found',
  });
  expect(await clearSnapshot(place, origin, name, noAbort())).toBe('cleared');
  await createSnapshot(place, content, name, origin, { signal: noAbort() });
  expect(await clearSnapshot(place, origin, name, noAbort())).toBe('committed');
  await restoreSnapshot(place, url, target, { signal: noAbort() });
});

test('a plain tar of others needs no manifest', async () => {
  const { place, target } = await setting();
  const bytes = tarFile([{ name: 'a', data: 'one' }]);
  await place.storage.put('others/old.tar', Readable.from([bytes]), { signal: noAbort() });
  expect(await restoreSnapshot(place, 'others/old.tar@steward', target, { signal: noAbort() })).toBe(
    bytes.length,
  );
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('one');
});

test('a snapshot that is not there, or in another bucket, is not found', async () => {
  const { place, target, url } = await setting();
  for (const missing of [url, url.replace('@steward', '@elsewhere')]) {
    await expect(restoreSnapshot(place, missing, target, { signal: noAbort() })).rejects.toMatchObject({
      code: 'snapshot-not-found',
    });
  }
  expect(await readdir(target)).toEqual([]);
});

test('a damaged snapshot is refused', async () => {
  const { place, content, target, name, url } = await setting();
  await mkdir(join(content, 'sub'));
  const archive = archiveOf(await createSnapshot(place, content, name, origin, { signal: noAbort() }));
  const path = join(place.objects, archive);
  await writeFile(path, (await readFile(path)).subarray(0, -3));
  await expect(restoreSnapshot(place, url, target, { signal: noAbort() })).rejects.toMatchObject({
    code: 'archive-damaged',
  });
});

function archiveOf({ parts: [part] }: SnapshotManifest): string {
  if (part === undefined) throw new Error('a snapshot without an archive');
  return part.archive;
}

async function setting() {
  const folder = await temporaryFolder();
  const place = newPlace(folder);
  const content = await contentFolder(place, join(folder, 'content'));
  const target = await contentFolder(place, join(folder, 'target'));
  const name = newSnapshotName(place.world.clock, place.world.random);
  return { place, content, target, name, url: snapshotUrl(place.storage, origin, name) };
}
