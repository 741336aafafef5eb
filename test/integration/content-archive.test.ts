import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { packFolder } from '../../src/content/archive.js';
import { Meter } from '../../src/content/digest.js';
import { writeReadyMarker } from '../../src/content/ready-marker.js';
import { unpackArchive } from '../../src/content/unpack.js';
import {
  contentFolder,
  isRoot,
  newPlace,
  noAbort,
  withoutZstd,
  withProcesses,
} from '../content/support/place.js';
import { tarFile } from '../content/support/tar-file.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const hasZstd = (await newPlace('/nowhere').world.processes.find('zstd')) !== undefined;

describe.each(hasZstd ? ['zstd', 'gzip'] : ['gzip'])('an archive with %s', (compression) => {
  test('brings back every entry as it was', async () => {
    const { place, from, to } = await setting(compression);
    await fillWithEverything(from);
    const packing = await packFolder(place.world, from, { signal: noAbort() });
    await unpackArchive(place.world, packing.body, to, { signal: noAbort(), user: place.user });
    expect(packing.compression).toBe(compression);
    expect(await describeTree(to)).toEqual(await describeTree(from));
    expect(packing.report()).toMatchObject({
      entries: Object.keys(await describeTree(from)).length,
      torn: { count: 0 },
      changed: { count: 0 },
    });
    // So that an ordinary user can clean up.
    for (const folder of [from, to]) await chmod(join(folder, 'read only'), 0o755);
  });

  test('of an empty folder is an archive too', async () => {
    const { place, from, to } = await setting(compression);
    const packing = await packFolder(place.world, from, { signal: noAbort() });
    await unpackArchive(place.world, packing.body, to, { signal: noAbort(), user: place.user });
    expect(await readdir(to)).toEqual([]);
    expect(packing.report().entries).toBe(1);
  });

  test('that is cut off or has one flipped bit is refused as damaged', async () => {
    const { place, from, folder } = await setting(compression);
    await writeFile(join(from, 'text'), 'warp and weft '.repeat(100_000));
    const bytes = await buffer((await packFolder(place.world, from, { signal: noAbort() })).body);
    const expected = digestOf(bytes);
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    for (const [index, damaged] of [bytes.subarray(0, -9), flipped, Buffer.alloc(0)].entries()) {
      const to = await contentFolder(place, join(folder, `damaged-${index}`));
      const unpacking = unpackArchive(place.world, Readable.from([damaged], { objectMode: false }), to, {
        signal: noAbort(),
        user: place.user,
        expected,
      });
      await expect(unpacking).rejects.toMatchObject({ code: 'archive-damaged' });
    }
  });

  test('that is cut off is refused even when nobody knows its digest', async () => {
    const { place, from, to } = await setting(compression);
    await writeFile(join(from, 'text'), 'warp and weft '.repeat(100_000));
    const bytes = await buffer((await packFolder(place.world, from, { signal: noAbort() })).body);
    const cut = Readable.from([bytes.subarray(0, bytes.length >> 1)], { objectMode: false });
    const unpacking = unpackArchive(place.world, cut, to, { signal: noAbort(), user: place.user });
    await expect(unpacking).rejects.toMatchObject({ code: 'archive-damaged' });
  });
});

test('our marker stays out of the archive, and in the folder', async () => {
  const { place, from, to } = await setting('gzip');
  await writeReadyMarker(place.world.files, from, place.user, { source: 'from-other', metrics: [] });
  await writeFile(join(from, '.gitpod/image'), '{}');
  await writeFile(join(from, 'ready'), 'not ours');
  const packing = await packFolder(place.world, from, { signal: noAbort() });
  await unpackArchive(place.world, packing.body, to, { signal: noAbort(), user: place.user });
  expect(await readdir(join(from, '.gitpod'))).toEqual(['image', 'ready']);
  expect(await readdir(join(to, '.gitpod'))).toEqual(['image']);
  expect(await readFile(join(to, 'ready'), 'utf8')).toBe('not ours');
});

test('a socket is left out and named, whatever it is called', async () => {
  const { place, from } = await setting('gzip');
  const name = 'a": file changed as we read it';
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(from, name), resolve));
  const packing = await packFolder(place.world, from, { signal: noAbort() });
  await buffer(packing.body);
  server.close();
  expect(packing.report()).toMatchObject({ sockets: { count: 1, names: [name] }, changed: { count: 0 } });
});

describe('content that changes while it is read', () => {
  const size = 8_000_000;

  /** Packs until the first bytes come: tar is held back then, a megabyte or two into the content. */
  const packWhile = async (
    setup: (from: string) => Promise<void>,
    change: (from: string) => Promise<void>,
  ) => {
    const { place, from, to } = await setting('gzip');
    await setup(from);
    const packing = await packFolder(place.world, from, { signal: noAbort() });
    const iterator = packing.body[Symbol.asyncIterator]();
    const chunks: Buffer[] = [(await iterator.next()).value];
    await change(from);
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) chunks.push(next.value);
    const source = Readable.from(chunks, { objectMode: false });
    await unpackArchive(place.world, source, to, { signal: noAbort(), user: place.user });
    return { to, report: packing.report() };
  };

  test('a file that shrinks keeps its length, ends in zeros, and is named torn', async () => {
    const { to, report } = await packWhile(
      (from) => writeFile(join(from, 'log'), randomBytes(size)),
      (from) => truncate(join(from, 'log'), 10),
    );
    const stored = await readFile(join(to, 'log'));
    expect(report.torn).toEqual({ count: 1, names: ['log'] });
    expect(stored.length).toBe(size);
    expect(stored.subarray(-1000).every((byte) => byte === 0)).toBe(true);
  });

  test('a file that grows keeps the length it had, and is named changed', async () => {
    const { to, report } = await packWhile(
      (from) => writeFile(join(from, 'log'), randomBytes(size)),
      (from) => appendFile(join(from, 'log'), 'more'),
    );
    expect(report).toMatchObject({ torn: { count: 0 }, changed: { count: 1, names: ['log'] } });
    expect((await readFile(join(to, 'log'))).length).toBe(size);
  });

  test('files that vanish are missing and named, and the rest is whole', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `file-${index}`);
    const { to, report } = await packWhile(
      async (from) => {
        for (const name of names) await writeFile(join(from, name), randomBytes(size));
      },
      async (from) => {
        for (const name of names) await rm(join(from, name));
      },
    );
    expect(report.vanished.count).toBeGreaterThan(5);
    expect((await readdir(to)).length).toBe(names.length - report.vanished.count);
  });
});

test('content that cannot be read fails the archive by name', async () => {
  const { place, from, folder } = await setting('gzip');
  await writeFile(join(from, 'closed'), 'x', { mode: 0o000 });
  await chmod(folder, 0o755);
  const packing = await packFolder(asOrdinaryUser(place).world, from, { signal: noAbort() });
  await expect(buffer(packing.body)).rejects.toMatchObject({
    code: 'backup-failed',
    message: expect.stringContaining('closed'),
  });
});

test('a folder that is not there fails the archive', async () => {
  const { place, folder } = await setting('gzip');
  const packing = await packFolder(place.world, join(folder, 'missing'), { signal: noAbort() });
  await expect(buffer(packing.body)).rejects.toMatchObject({ code: 'backup-failed' });
});

test('an abort ends the archive with its reason', async () => {
  const { place, from } = await setting('zstd');
  await writeFile(join(from, 'large'), Buffer.alloc(30_000_000));
  const controller = new AbortController();
  const packing = await packFolder(place.world, from, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(buffer(packing.body)).rejects.toThrow('enough');
});

describe('archives of others', () => {
  const unpackBytes = async (bytes: Buffer, expected?: ReturnType<typeof digestOf>) => {
    const { place, to, folder } = await setting('gzip');
    await unpackArchive(place.world, Readable.from([bytes], { objectMode: false }), to, {
      signal: noAbort(),
      user: place.user,
      ...(expected === undefined ? {} : { expected }),
    });
    return { to, folder };
  };

  test('padded far past their end do not hang, and their padding counts for the digest', async () => {
    const bytes = Buffer.concat([tarFile([{ name: 'a', data: 'one' }]), Buffer.alloc(5_000_000, 7)]);
    const { to } = await unpackBytes(bytes, digestOf(bytes));
    expect(await readFile(join(to, 'a'), 'utf8')).toBe('one');
    await expect(unpackBytes(bytes, digestOf(bytes.subarray(0, -1)))).rejects.toMatchObject({
      code: 'archive-damaged',
    });
  });

  test('compressed with zstd are read on a machine without it, and refused when cut off', async () => {
    const { to } = await unpackBytes(ZSTD_ARCHIVE);
    expect(await readFile(join(to, 'a'), 'utf8')).toBe('warp and weft');
    await expect(unpackBytes(ZSTD_ARCHIVE.subarray(0, -20))).rejects.toMatchObject({
      code: 'archive-damaged',
    });
  });

  test('without anything but their end are empty folders', async () => {
    const { to } = await unpackBytes(tarFile([]));
    expect(await readdir(to)).toEqual([]);
  });

  test('that are no archives at all are refused', async () => {
    await expect(unpackBytes(Buffer.from('<html>not found</html>'))).rejects.toMatchObject({
      code: 'archive-damaged',
    });
  });

  test('with names that lead out are refused, and nothing outside is touched', async () => {
    const bytes = tarFile([{ name: '../escaped', data: 'bad' }]);
    const { place, to, folder } = await setting('gzip');
    await expect(
      unpackArchive(place.world, Readable.from([bytes], { objectMode: false }), to, {
        signal: noAbort(),
        user: place.user,
      }),
    ).rejects.toMatchObject({ code: 'archive-damaged' });
    expect(await readdir(folder)).not.toContain('escaped');
  });

  test('with absolute names stay inside', async () => {
    const { to } = await unpackBytes(tarFile([{ name: '/steward-test/absolute', data: 'in' }]));
    expect(await readFile(join(to, 'steward-test/absolute'), 'utf8')).toBe('in');
  });

  test('that write through a link that leads out change nothing outside', async () => {
    const { place, to, folder } = await setting('gzip');
    await writeFile(join(folder, 'victim'), 'untouched');
    const bytes = tarFile([
      { name: 'way', type: '2', link: '..' },
      { name: 'way/victim', data: 'overwritten' },
    ]);
    await unpackArchive(place.world, Readable.from([bytes], { objectMode: false }), to, {
      signal: noAbort(),
      user: place.user,
    }).catch((error: unknown) => expect(error).toMatchObject({ code: 'archive-damaged' }));
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('untouched');
  });

  test('keep extended attributes, and so do our own archives of them', async () => {
    const noted = tarFile([{ name: 'a', data: 'one', pax: { 'SCHILY.xattr.user.note': 'hello' } }]);
    const { to } = await unpackBytes(gzipSync(noted));
    const { place, to: again } = await setting('gzip');
    await unpackArchive(place.world, (await packFolder(place.world, to, { signal: noAbort() })).body, again, {
      signal: noAbort(),
      user: place.user,
    });
    const listed = execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--format=pax', '-cf', '-', 'a'], {
      cwd: again,
    });
    expect(listed.includes('SCHILY.xattr.user.note=hello')).toBe(true);
  });
});

test.each([20, 128])(
  'an archive of ours in records of %i blocks counts as whole by its length',
  async (blocks) => {
    const { place, from, to } = await setting('gzip');
    await writeFile(join(from, 'a'), randomBytes(100_000));
    const bytes = execFileSync('tar', ['-C', from, '-b', `${blocks}`, '-cf', '-', '.']);
    const unpack = (contentBytes: number) => {
      const options = { signal: noAbort(), user: place.user, contentBytes };
      return unpackArchive(place.world, Readable.from([bytes], { objectMode: false }), to, options);
    };
    await unpack(bytes.length);
    expect(await readdir(to)).toEqual(['a']);
    await rm(to, { recursive: true });
    await contentFolder(place, to);
    await expect(unpack(bytes.length + blocks * 512)).rejects.toMatchObject({ code: 'archive-damaged' });
  },
);

test('nothing is unpacked into a folder that holds something', async () => {
  const { place, from } = await setting('gzip');
  await writeFile(join(from, 'mine'), 'x');
  const unpacking = unpackArchive(place.world, Readable.from([tarFile([])], { objectMode: false }), from, {
    signal: noAbort(),
    user: place.user,
  });
  await expect(unpacking).rejects.toMatchObject({ code: 'content-initialization-failed' });
});

/** For root, who can read everything, the programs run as somebody who cannot. */
function asOrdinaryUser<Place extends ReturnType<typeof newPlace>>(place: Place): Place {
  const { processes } = place.world;
  const user = isRoot ? { uid: 33333, gid: 33333 } : {};
  return withProcesses(place, { start: (command) => processes.start({ ...command, ...user }) });
}

async function setting(compression: string) {
  const folder = await temporaryFolder();
  const place = compression === 'zstd' ? newPlace(folder) : withoutZstd(newPlace(folder));
  const from = await contentFolder(place, join(folder, 'from'));
  const to = await contentFolder(place, join(folder, 'to'));
  return { folder, place, from, to };
}

/** Everything a full archive can meet, as far as this user may make it. */
async function fillWithEverything(folder: string): Promise<void> {
  const at = (...names: string[]) => join(folder, ...names);
  await mkdir(at('deep/er'), { recursive: true });
  await writeFile(at('deep/er/text'), 'x'.repeat(100_000));
  await writeFile(at('empty'), '');
  await writeFile(at('two names'), 'linked');
  await link(at('two names'), at('deep/other name'));
  await symlink('deep', at('to a folder'));
  await symlink('nowhere/at all', at('dangling'));
  execFileSync('mkfifo', [at('fifo')]);
  await writeFile(at('Grüße\nzweite Zeile "quoted" \\ back'), 'odd name');
  await writeFile(at('.wh.hidden'), 'no whiteout');
  const long = at(...Array.from({ length: 6 }, (_, index) => `${index}`.repeat(100)));
  await mkdir(long, { recursive: true });
  await writeFile(join(long, 'n'.repeat(250)), 'long');
  await writeFile(at('sparse'), 'head');
  await truncate(at('sparse'), 50_000_000);
  await writeFile(at('program'), '#!/bin/sh\n');
  if (isRoot) {
    for (const [index, id] of [0, 33333, 65534, 4_000_000].entries()) {
      await writeFile(at(`owned-${index}`), 'x');
      await chown(at(`owned-${index}`), id, id);
    }
  }
  await chmod(at('program'), 0o6755);
  await mkdir(at('read only'));
  await writeFile(at('read only/inside'), 'kept');
  await chmod(at('read only'), 0o555);
  await utimes(at('empty'), 1_234_567_890.123456, 1_234_567_890.123456);
}

function digestOf(bytes: Buffer) {
  const meter = new Meter();
  meter.take(bytes);
  return meter.finish();
}

/** A tar of one file, `a`, with `warp and weft` in it, as zstd wrote it. */
const ZSTD_ARCHIVE = Buffer.from(
  'KLUv/WQAJ4UCAPJDDBDA62ATI25bq+ZsYgmHfjVTXqa0I0cvrTYvhPb36lLM/lkgQLz//BgJQqID/nemuDUKIPA2Ng' +
    '7vBa8kpQAsBAYcKPy8JheBgwbYT7QNuYKJLQ==',
  'base64',
);
