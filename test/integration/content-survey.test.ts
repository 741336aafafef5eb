import { chmod, link, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAIN_TICK_MS, LONG_WRITE_BYTES_MIN } from '../../src/content/bounds.js';
import { FolderInodes } from '../../src/content/folder-inodes.js';
import { READY_MARKER } from '../../src/content/ready-marker.js';
import { isAsSurveyed, surveyFolder } from '../../src/content/survey.js';
import { sleep } from '../../src/gateways/clock.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { noAbort } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const markerFolder = dirname(READY_MARKER);

describe('what was surveyed', () => {
  it('is so still when nothing was touched', async () => {
    expect(await isStill(async () => undefined)).toBe(true);
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
    ['a file went from the folder of our marker', (at) => rm(join(at, markerFolder, 'file'))],
  ])('is so no more when %s', async (_what, touch) => {
    expect(await isStill(touch)).toBe(false);
  });

  it('may be so no more when a large file was changed not long ago: a long write moves no time', async () => {
    expect(await isStill(async () => undefined, 2 * LONG_WRITE_BYTES_MIN)).toBe(false);
  });

  it('shows the inodes of folders, except of the one with our marker', async () => {
    const folder = await content();
    const inodes = new FolderInodes();
    await surveyFolder(world, folder, [], noAbort(), inodes);
    for (const path of ['.', './a', './a/b']) {
      const found = await world.files.stat(join(folder, path));
      expect(inodes.of(Buffer.from(path))).toBe(String(found?.inode));
    }
    expect(inodes.of(Buffer.from('./a/file'))).toBeUndefined();
    expect(inodes.of(Buffer.from(`./${markerFolder}`))).toBeUndefined();
  });
});

async function isStill(touch: (folder: string) => Promise<unknown>, sizeBytes = 3): Promise<boolean> {
  const folder = await content(sizeBytes);
  // What was made just now is not told from what is touched now.
  await sleep(world.clock, 3 * CHAIN_TICK_MS, noAbort());
  const sinceMs = world.clock.now() - CHAIN_TICK_MS - 1;
  const survey = await surveyFolder(world, folder, [], noAbort());
  await touch(folder);
  return isAsSurveyed(world, folder, [], { survey, sinceMs }, noAbort());
}

async function content(sizeBytes = 3): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'a/b'), { recursive: true });
  await mkdir(join(folder, markerFolder));
  await writeFile(join(folder, markerFolder, 'file'), 'ours');
  await writeFile(join(folder, 'a/file'), Buffer.alloc(sizeBytes));
  await symlink('a/file', join(folder, 'link'));
  return folder;
}

async function replaceLink(path: string): Promise<void> {
  await rm(path);
  await symlink('a/none', path);
}
