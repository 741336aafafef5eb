import { execFileSync } from 'node:child_process';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { unpackArchive } from '../../src/content/unpack.js';
import { confinementOf } from '../../src/isolation/probe.js';
import {
  contentFolder,
  contentUser,
  isRoot,
  newPlace,
  noAbort,
  withoutZstd,
} from '../content/support/place.js';
import { tarFile } from '../content/support/tar-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MEGABYTE = 1024 * 1024;

test.each([
  ['zstd', ['zstd', '-q', '-c'], (place: ReturnType<typeof newPlace>) => place],
  ['zstd without its program', ['zstd', '-q', '-c'], withoutZstd],
  ['gzip', ['gzip', '-c'], (place: ReturnType<typeof newPlace>) => place],
  ['nothing', ['cat'], (place: ReturnType<typeof newPlace>) => place],
] as const)('a bomb packed by %s ends at the quota', async (_what, [program, ...args], on) => {
  const { folder, place } = await setting();
  // The program is not required; then no archive of it can be made here either.
  if ((await place.world.processes.find(program)) === undefined) return;
  const bomb = packed(program, args, tarFile([{ name: 'bomb', data: 'x'.repeat(64 * MEGABYTE) }]));
  const options = { signal: noAbort(), user: contentUser, quotaBytes: MEGABYTE };
  const { world } = on(place);
  await expect(unpackArchive(world, Readable.from([bomb]), folder, options)).rejects.toMatchObject({
    code: 'quota-exceeded',
  });
  expect(folderBytes(folder)).toBeLessThan(40 * MEGABYTE);
});

test('names without content count, too', async () => {
  const { folder, place } = await setting();
  const many = tarFile(Array.from({ length: 60_000 }, (_, index) => ({ name: `f${index}` })));
  const options = { signal: noAbort(), user: contentUser, quotaBytes: MEGABYTE };
  await expect(unpackArchive(place.world, Readable.from([many]), folder, options)).rejects.toMatchObject({
    code: 'quota-exceeded',
  });
});

test('what fits is unpacked, and broken compression is told', async () => {
  const { folder, place } = await setting();
  const options = { signal: noAbort(), user: contentUser, quotaBytes: MEGABYTE };
  const good = packed('gzip', ['-c'], tarFile([{ name: 'a', data: 'x'.repeat(MEGABYTE / 2) }]));
  await unpackArchive(place.world, Readable.from([good]), folder, options);
  expect(await readdir(folder)).toEqual(['a']);
  const broken = Buffer.concat([good.subarray(0, good.length - 20)]);
  const again = await contentFolder(place, `${folder}-2`);
  await expect(unpackArchive(place.world, Readable.from([broken]), again, options)).rejects.toMatchObject({
    code: 'archive-damaged',
  });
});

test('a device node is not made, not even by root where that is confined', async ({ skip }) => {
  const { folder, place } = await setting();
  skip(isRoot && (await confinementOf(place.world)).kind === 'open', 'this machine cannot confine');
  const archive = tarFile([{ name: 'disk', type: '4' }]);
  const unpacking = unpackArchive(place.world, Readable.from([archive]), folder, {
    signal: noAbort(),
    user: contentUser,
  });
  await expect(unpacking).rejects.toMatchObject({ code: 'archive-damaged' });
  expect(await readdir(folder)).toEqual([]);
});

function packed(program: string, args: readonly string[], archive: Buffer): Buffer {
  return execFileSync(program, [...args], { input: archive, maxBuffer: archive.length * 2 + MEGABYTE });
}

function folderBytes(folder: string): number {
  return Number(execFileSync('du', ['-sb', folder], { encoding: 'utf8' }).split('\t')[0]);
}

async function setting() {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  const place = newPlace(base);
  return { place, folder: await contentFolder(place, join(base, 'content')) };
}
