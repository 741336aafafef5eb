import { chmod, link, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAIN_TICK_MS } from '../../src/content/bounds.js';
import { readExcludes } from '../../src/content/exclude.js';
import { folderInodes } from '../../src/content/folder-inodes.js';
import { READY_MARKER } from '../../src/content/ready-marker.js';
import { surveyFolder, surveyUntouched } from '../../src/content/survey.js';
import { sleep } from '../../src/gateways/clock.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { noAbort } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const markerFolder = dirname(READY_MARKER);

describe('a survey of what nobody touched', () => {
  it('is a whole one when nobody did', async () => {
    expect(await isTouchedBy(async () => undefined)).toBe(false);
  });

  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['a file was written to', (at) => writeFile(join(at, 'a/file'), 'other')],
    ['a file came', (at) => writeFile(join(at, 'a/more'), '')],
    ['a file went', (at) => rm(join(at, 'a/file'))],
    ['a file has another mode', (at) => chmod(join(at, 'a/file'), 0o600)],
    ['a file has an older time than before', (at) => utimes(join(at, 'a/file'), 1, 1)],
    ['a file has another name', (at) => rename(join(at, 'a/file'), join(at, 'a/other'))],
    ['a file has one more name', (at) => link(join(at, 'a/file'), join(at, 'a/again'))],
    ['a folder has moved', (at) => rename(join(at, 'a/b'), join(at, 'b'))],
    ['an empty folder went', (at) => rm(join(at, 'a/b'), { recursive: true })],
    ['a link leads elsewhere', (at) => replaceLink(join(at, 'link'))],
    ['a file beside our marker was written to', (at) => writeFile(join(at, markerFolder, 'file'), '')],
  ])('is none when %s', async (_what, touch) => {
    expect(await isTouchedBy(touch)).toBe(true);
  });

  it('is the same one when only our marker went', async () => {
    const folder = await content();
    await writeFile(join(folder, READY_MARKER), '{}');
    const before = await surveyFolder(world, folder, [], noAbort());
    const sinceMs = await later();
    await rm(join(folder, READY_MARKER));
    expect(await surveyUntouched(world, folder, [], sinceMs, noAbort())).toEqual(before);
  });
});

it('is the same survey of a folder that nobody touched, and another one after a touch without a trace in it', async () => {
  const folder = await content();
  const before = await surveyFolder(world, folder, [], noAbort());
  expect(before).toMatchObject({ entries: 7, folders: 4, bytes: 7, hasLinkedFiles: false });
  expect(await surveyFolder(world, folder, [], noAbort())).toEqual(before);
  await later();
  await chmod(join(folder, 'a/file'), 0o600);
  await chmod(join(folder, 'a/file'), 0o644);
  const after = await surveyFolder(world, folder, [], noAbort());
  expect(after.treeDigest).toBe(before.treeDigest);
  expect(after.stateDigest).not.toBe(before.stateDigest);
  expect(after.changedAtMs).toBeGreaterThan(before.changedAtMs);
});

it('shows the inodes of folders, except of what is excluded', async () => {
  const folder = await content();
  await mkdir(join(folder, 'a/out'));
  const { excludes } = readExcludes(['/a/out']);
  const inodes = await folderInodes(world, folder, excludes, noAbort());
  for (const path of ['.', './a', './a/b', `./${markerFolder}`]) {
    const found = await world.files.stat(join(folder, path));
    expect(inodes.of(Buffer.from(path))).toBe(String(found?.inode));
  }
  expect(inodes.of(Buffer.from('./a/file'))).toBeUndefined();
  expect(inodes.of(Buffer.from('./a/out'))).toBeUndefined();
});

async function isTouchedBy(touch: (folder: string) => Promise<unknown>): Promise<boolean> {
  const folder = await content();
  const sinceMs = await later();
  await touch(folder);
  return (await surveyUntouched(world, folder, [], sinceMs, noAbort())) === 'touched';
}

/** Everything before is older than this, and everything afterwards is not. */
async function later(): Promise<number> {
  await sleep(world.clock, 3 * CHAIN_TICK_MS, noAbort());
  return world.clock.now() - CHAIN_TICK_MS;
}

async function content(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'a/b'), { recursive: true });
  await mkdir(join(folder, markerFolder));
  await writeFile(join(folder, markerFolder, 'file'), 'ours');
  await writeFile(join(folder, 'a/file'), '123');
  await symlink('a/file', join(folder, 'link'));
  return folder;
}

async function replaceLink(path: string): Promise<void> {
  await rm(path);
  await symlink('a/none', path);
}
