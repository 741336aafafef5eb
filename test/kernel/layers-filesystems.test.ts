import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { instanceId, keyOf, newNode, noAbort } from '../content/layers/support.js';
import { describeTree } from '../content/support/tree.js';

const A = instanceId('a');
const B = instanceId('b');
const KEY = keyOf('1');

const IMAGE_BYTES = 400 * 2 ** 20;
const DATA_BYTES = 20 * 2 ** 20;

describe.each([
  { kind: 'btrfs', make: 'mkfs.btrfs', best: 'btrfs' },
  { kind: 'btrfs', make: 'mkfs.btrfs', best: 'reflink' },
  { kind: 'xfs', make: 'mkfs.xfs', best: 'reflink' },
] as const)('on $kind by $best', ({ make, best }) => {
  test('the second instance takes no blocks for what it shares, and what it writes is its own', async () => {
    const { node, place } = await nodeOn(make);
    const cache = await node.open({ method: best });
    const given = await cache.populate(await requestFor(node, A), fill);
    expect(given).toEqual({ method: best, wasKept: false });
    const before = usedBytes(place);
    const b = await requestFor(node, B);
    expect(await cache.populate(b, fill)).toEqual({ method: best, wasKept: true });
    expect(usedBytes(place) - before).toBeLessThan(DATA_BYTES / 10);
    expect(await describeTree(b.folder)).toEqual(await describeTree(node.folderOf(A)));
    await writeFile(join(b.folder, 'data'), 'of b');
    expect((await stat(join(node.folderOf(A), 'data'))).size).toBe(DATA_BYTES);
  });

  test('nothing stays of a released instance, nor of a layer that makes way', async () => {
    const { node } = await nodeOn(make);
    const cache = await node.open({ method: best, maxLayers: 1 });
    const a = await requestFor(node, A);
    await cache.populate(a, fill);
    await writeFile(join(a.folder, 'mine'), 'mine');
    await cache.release(A, a.folder, noAbort());
    await realWorld().files.remove(a.folder);
    await expect(readdir(a.folder)).rejects.toMatchObject({ code: 'ENOENT' });
    await cache.populate({ ...(await requestFor(node, B)), key: keyOf('2') }, fill);
    expect(await readdir(join(node.layers, 'trees'))).toEqual([keyOf('2')]);
    expect(await readFile(join(node.folderOf(B), 'text'), 'utf8')).toBe('of the snapshot');
  });
});

test('auto prefers subvolumes on btrfs, and what is killed half way is cleaned up', async () => {
  const { node } = await nodeOn('mkfs.btrfs');
  const cache = await node.open();
  expect((await cache.method(noAbort())).method).toBe('btrfs');
  execFileSync('btrfs', ['subvolume', 'create', join(node.layers, '.trial')]);
  await mkdir(join(node.layers, 'new', 'half'), { recursive: true });
  execFileSync('btrfs', ['subvolume', 'create', join(node.layers, 'new', 'half', 'tree')]);
  execFileSync('btrfs', ['property', 'set', join(node.layers, 'new', 'half', 'tree'), 'ro', 'true']);
  const next = await node.open();
  expect(await readdir(join(node.layers, 'new'))).toEqual([]);
  expect((await next.method(noAbort())).method).toBe('btrfs');
});

test('auto prefers an overlay where blocks cannot be shared by subvolumes', async () => {
  const { node } = await nodeOn('mkfs.xfs');
  const probed = await (await node.open()).method(noAbort());
  expect(probed.method).toBe('overlay');
  expect(probed.refused.map(({ method }) => method)).toEqual(['btrfs']);
});

test.each([
  { what: 'shared out among processes', last: 'touch project/after' },
  { what: 'with files of several names', last: 'ln project/source/file-1 second' },
])('a reflink of a deep tree is the same tree, $what', async ({ last }) => {
  const { node } = await nodeOn('mkfs.xfs');
  const cache = await node.open({ method: 'reflink' });
  const deep = async (into: string) => void execFileSync('sh', ['-c', `${DEEP}; ${last}`], { cwd: into });
  await cache.populate(await requestFor(node, A), deep);
  await cache.populate(await requestFor(node, B), deep);
  const tree = await describeTree(join(node.layers, 'trees', KEY, 'tree'));
  expect(Object.keys(tree).length).toBeGreaterThan(20);
  expect(await describeTree(node.folderOf(A))).toEqual(tree);
  expect(await describeTree(node.folderOf(B))).toEqual(tree);
});

const DEEP = `mkdir -p project/source empty; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
do echo $i > project/source/file-$i; done; ln -s ../nowhere project/link; chmod 4755 project/source/file-2
chown 1234:1234 project/source/file-3; touch -d 2001-02-03 project/source project/source/file-4; chmod 2555 project
touch -d 2002-03-04 project`;

/** A node on a file system of its own, in an image. */
async function nodeOn(make: 'mkfs.btrfs' | 'mkfs.xfs') {
  const home = await mkdtemp(join(tmpdir(), 'steward-image-'));
  const [image, place] = [join(home, 'image'), join(home, 'place')];
  execFileSync('truncate', ['-s', String(IMAGE_BYTES), image]);
  execFileSync(make, ['-q', image]);
  await mkdir(place);
  execFileSync('mount', ['-o', 'loop', image, place]);
  onTestFinished(async () => {
    execFileSync('umount', ['-l', place]);
    await rm(home, { recursive: true, force: true });
  });
  const root = join(place, 'node');
  await mkdir(root);
  return { node: await newNode(root), place };
}

function usedBytes(place: string): number {
  execFileSync('sync', ['-f', place]);
  const [, used = '0'] = execFileSync('df', ['-B1', '--output=used', place], { encoding: 'utf8' }).split(
    '\n',
  );
  return Number(used);
}

async function requestFor(node: Awaited<ReturnType<typeof nodeOn>>['node'], instance: typeof A) {
  const folder = await node.reserve(instance);
  return { key: KEY, folder, instance, expectedBytes: DATA_BYTES, signal: noAbort() };
}

async function fill(into: string): Promise<void> {
  await writeFile(join(into, 'text'), 'of the snapshot');
  await writeFile(join(into, 'data'), Buffer.alloc(DATA_BYTES, 'words of some kind '));
  await mkdir(join(into, 'folder'), { mode: 0o750 });
  await writeFile(join(into, 'folder', 'one'), '1');
}
