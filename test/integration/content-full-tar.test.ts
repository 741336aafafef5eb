import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { BackupRepository } from '../../src/content/backups.js';
import { FullTar } from '../../src/content/full-tar.js';
import { initialize } from '../../src/content/initialize.js';
import { planOf } from '../../src/content/initializers/table.js';
import {
  backupOptions,
  contentFolder,
  contextFor,
  ids,
  newPlace,
  noAbort,
} from '../content/support/place.js';
import { tarFile } from '../content/support/tar-file.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { owner, workspace } = ids();
const NAME = `${owner}/workspaces/${workspace}/full.tar`;
const signal = noAbort();

test('a workspace without backups of ours starts from the full.tar of others', async () => {
  const { start, writeForeign, target } = await setting();
  await writeForeign('theirs');
  const setup = await start();
  expect(setup).toMatchObject({ source: 'from-backup', metrics: [{ type: 'fromBackup' }] });
  expect(setup.restoredGeneration).toBeUndefined();
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('theirs');
});

test('a backup of ours that is newer than the full.tar wins', async () => {
  const { start, writeForeign, backups, content, target } = await setting();
  await writeForeign('theirs');
  await writeFile(join(content, 'a'), 'ours');
  await backups.create(content, backupOptions(content));
  expect(await start()).toMatchObject({ source: 'from-backup', restoredGeneration: 1 });
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('ours');
});

test('a full.tar that others wrote after our newest backup wins, and is no base for increments', async () => {
  const { start, writeForeign, backups, content, target } = await setting();
  await writeFile(join(content, 'a'), 'ours');
  await backups.create(content, backupOptions(content));
  await writeForeign('theirs');
  expect((await start()).restoredGeneration).toBeUndefined();
  expect(await readFile(join(target, 'a'), 'utf8')).toBe('theirs');
});

test('what we write is plain, holds everything, replaces the one before, and does not pass for one of others', async () => {
  const { start, place, backups, fullTar, content, folder, target } = await setting();
  for (const [generation, text] of [
    [1, 'one'],
    [2, 'two'],
  ] as const) {
    await writeFile(join(content, 'a'), text);
    await backups.create(content, backupOptions(content));
    await fullTar.write(content, { generation, excludes: [], signal });
  }
  const object = await place.storage.get(NAME, { signal });
  await writeFile(join(folder, 'full.tar'), object === undefined ? '' : await buffer(object));
  const unpacked = join(folder, 'unpacked');
  await mkdir(unpacked);
  execFileSync('tar', ['--extract', '--file', join(folder, 'full.tar'), '--directory', unpacked]);
  expect(await readFile(join(unpacked, 'a'), 'utf8')).toBe('two');
  expect(await start()).toMatchObject({ restoredGeneration: 2 });
  expect(await describeTree(target)).toEqual(await describeTree(content));
});

test('a full.tar is written once for a backup', async () => {
  const { place, fullTar, content } = await setting();
  await fullTar.write(content, { generation: 1, excludes: [], signal });
  const first = await place.storage.head(NAME, signal);
  await writeFile(join(content, 'later'), 'x');
  await fullTar.write(content, { generation: 1, excludes: [], signal });
  expect(await place.storage.head(NAME, signal)).toEqual(first);
});

test('a full.tar that leads out of the workspace is refused', async () => {
  const { start, put, folder } = await setting();
  await put(tarFile([{ name: '../outside', data: 'bad' }]));
  await expect(start()).rejects.toMatchObject({ code: 'archive-damaged' });
  expect(await readdir(folder)).not.toContain('outside');
});

async function setting() {
  const folder = await temporaryFolder();
  const place = newPlace(folder);
  const content = await contentFolder(place, join(folder, 'content'));
  const target = await contentFolder(place, join(folder, 'target'));
  const backups = new BackupRepository(place, owner, workspace);
  const fullTar = new FullTar(place, owner, workspace);
  const put = async (bytes: Buffer) => {
    await place.storage.put(NAME, Readable.from([bytes]), { signal });
  };
  const plan = planOf({ spec: { $case: 'empty', value: {} } });
  const context = contextFor(place, target, { backups, fullTar });
  return {
    folder,
    place,
    content,
    target,
    backups,
    fullTar,
    put,
    writeForeign: (text: string) => put(tarFile([{ name: 'a', data: text }])),
    start: () => initialize(plan, context, { isFreshStart: false }),
  };
}
