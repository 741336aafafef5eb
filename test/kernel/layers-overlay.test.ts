import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LayerCache } from '../../src/content/layers/layer-cache.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import {
  instanceId,
  isMounted,
  keyOf,
  type Node,
  newNode,
  noAbort,
  unmountBelow,
} from '../content/layers/support.js';
import { describeTree } from '../content/support/tree.js';

const A = instanceId('a');
const B = instanceId('b');
const KEY = keyOf('1');

test('two instances write to the same files and each sees only its own', async () => {
  const { node, cache } = await overlayNode();
  const [a, b] = [await give(node, cache, A), await give(node, cache, B)];
  expect(await describeTree(a)).toEqual(await describeTree(treeOf(node)));
  expect(await describeTree(b)).toEqual(await describeTree(treeOf(node)));
  await Promise.all([writeFile(join(a, 'text'), 'of a'), writeFile(join(b, 'text'), 'of b')]);
  await rm(join(a, 'folder'), { recursive: true });
  await rename(join(b, 'folder'), join(b, 'renamed'));
  expect(await readFile(join(a, 'text'), 'utf8')).toBe('of a');
  expect(await readFile(join(b, 'text'), 'utf8')).toBe('of b');
  expect((await readdir(a)).sort()).toEqual(['text', 'two']);
  expect((await readdir(b)).sort()).toEqual(['renamed', 'text', 'two']);
  expect((await readdir(treeOf(node))).sort()).toEqual(['folder', 'text', 'two']);
  expect(await readFile(join(treeOf(node), 'text'), 'utf8')).toBe('of the snapshot');
});

test('programs of the content keep their set-id bits, and nobody becomes root by them', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  const program = join(a, 'become-root');
  execFileSync('install', ['-m', '4755', '/usr/bin/id', program]);
  await chmod(node.root, 0o711);
  const said = execFileSync('setpriv', ['--reuid=33333', '--clear-groups', program, '-u'], { cwd: a });
  expect(String(said)).toBe('33333\n');
  expect((await stat(program)).mode & 0o7777).toBe(0o4755);
});

test('hard links stay links when one of their names is written to, and over a remount', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await writeFile(join(a, 'two'), 'written');
  expect(await readFile(join(a, 'folder', 'one'), 'utf8')).toBe('written');
  const before = await stat(join(a, 'two'));
  await reboot(node);
  await (await node.open()).reattach(A, a, noAbort());
  const [two, one] = [await stat(join(a, 'two')), await stat(join(a, 'folder', 'one'))];
  expect([two.ino, two.nlink]).toEqual([before.ino, 2]);
  expect(one.ino).toBe(two.ino);
});

test('after a reboot the content is mounted again before anybody looks, with all that was written', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await writeFile(join(a, 'mine'), 'kept');
  await rm(join(a, 'text'));
  const before = await describeTree(a);
  await reboot(node);
  const after = await node.open();
  await expect(after.requireAttached(A, a)).rejects.toMatchObject({ code: 'layer-missing' });
  expect(await after.reattach(A, a, noAbort())).toBe('attached');
  await after.requireAttached(A, a);
  expect(await describeTree(a)).toEqual(before);
  expect(await after.reattach(A, a, noAbort())).toBe('attached');
});

test('a layer that is gone raises the alarm and leaves all content alone', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await writeFile(join(a, 'mine'), 'kept');
  const before = await describeTree(a);
  await reboot(node);
  const away = join(node.root, 'away');
  await rename(join(node.layers, 'trees', KEY), away);
  const after = await node.open();
  await expect(after.reattach(A, a, noAbort())).rejects.toMatchObject({ code: 'layer-missing' });
  await expect(after.requireAttached(A, a)).rejects.toMatchObject({ code: 'layer-missing' });
  expect(await readFile(join(node.overlays, A, 'upper', 'mine'), 'utf8')).toBe('kept');
  await rename(away, join(node.layers, 'trees', KEY));
  expect(await after.reattach(A, a, noAbort())).toBe('attached');
  expect(await describeTree(a)).toEqual(before);
});

test('a damaged record of the use raises the alarm as well: an empty folder is no content', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await cache.flush();
  await reboot(node);
  await truncate(join(node.layers, 'uses', `${A}.record`), 30);
  const after = await node.open();
  expect(node.alarms).toMatchObject([{ kind: 'record-set-aside', key: A }]);
  await expect(after.reattach(A, a, noAbort())).rejects.toMatchObject({ code: 'layer-missing' });
});

test('a layer in use is never taken, whatever the limits; when it is released it may go', async () => {
  const { node, cache } = await overlayNode({ maxLayers: 1 });
  const a = await give(node, cache, A);
  const direct = await cache.populate(await requestFor(node, B, keyOf('2')), fill);
  expect(direct.method).toBe('direct');
  expect(cache.layers()).toMatchObject([{ key: KEY, instances: [A] }]);
  await cache.flush();
  const restarted = await node.open({ method: 'overlay', maxLayers: 1 });
  expect((await restarted.populate(await requestFor(node, instanceId('c'), keyOf('3')), fill)).method).toBe(
    'direct',
  );
  expect(await readFile(join(a, 'text'), 'utf8')).toBe('of the snapshot');
  await restarted.release(A, a, noAbort());
  const next = await restarted.populate(await requestFor(node, instanceId('d'), keyOf('3')), fill);
  expect(next.method).toBe('overlay');
  expect(restarted.layers().map(({ key }) => key)).toEqual([keyOf('3')]);
});

test('a release takes the mount and the changes, also while somebody sits inside, and may be repeated', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  const sitting = spawn('sleep', ['600'], { cwd: a, stdio: 'ignore' });
  await once(sitting, 'spawn');
  try {
    await cache.release(A, a, noAbort());
  } finally {
    sitting.kill('SIGKILL');
  }
  expect(isMounted(a)).toBe(false);
  expect(node.notes.join()).toContain('had to be detached');
  expect(await readdir(a)).toEqual([]);
  expect(await readdir(node.overlays)).toEqual([]);
  expect(cache.users().size).toBe(0);
  await cache.release(A, a, noAbort());
});

test('a detached mount that somebody still holds is waited for', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await writeFile(join(a, 'mine'), 'kept');
  const sitting = spawn('sleep', ['1'], { cwd: a, stdio: 'ignore' });
  await once(sitting, 'spawn');
  unmountBelow(node.root);
  const after = await node.open();
  expect(await after.reattach(A, a, noAbort())).toBe('attached');
  expect(sitting.exitCode).toBe(0);
  expect(await readFile(join(a, 'mine'), 'utf8')).toBe('kept');
});

test('what nobody owns can be moved away with what was changed', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A);
  await writeFile(join(a, 'mine'), 'kept');
  const to = join(node.root, 'quarantined');
  expect(await cache.abandon(A, a, to, noAbort())).toBe(true);
  expect(await readFile(join(to, 'upper', 'mine'), 'utf8')).toBe('kept');
  await expect(readdir(a)).rejects.toThrow('ENOENT');
  expect(await cache.abandon(A, a, to, noAbort())).toBe(false);
});

test('killed between any two programs of a start, the next life starts clean', async () => {
  for (let allowed = 0; ; allowed += 1) {
    const node = await newNode();
    await give(node, await node.open({ method: 'overlay' }), B);
    const world = dyingAfter(allowed);
    const dying = await node.open({ method: 'overlay' }, world.world);
    const folder = await node.reserve(A);
    const request = { key: keyOf('2'), folder, instance: A, expectedBytes: 1, signal: noAbort() };
    const ended = await Promise.race([dying.populate(request, fill).then(() => 'done'), world.died]);
    const next = await node.open({ method: 'overlay' });
    // An interrupted set-up is reserved anew, as the daemon does it.
    await next.release(A, folder, noAbort());
    await rm(folder, { recursive: true });
    expect(next.users()).toEqual(new Set([B]));
    expect(await readdir(join(node.layers, 'new'))).toEqual([]);
    expect((await next.populate(await requestFor(node, A, keyOf('2')), fill)).method).toBe('overlay');
    expect(await describeTree(folder)).toEqual(await describeTree(node.folderOf(B)));
    unmountBelow(node.root);
    if (ended === 'done') break;
  }
});

test('backups see all of it: complete, without whiteouts, and an increment after a remount holds what changed', async () => {
  const { node, cache } = await overlayNode();
  const a = await give(node, cache, A, async (into) => {
    await fill(into);
    for (let index = 0; index < 300; index += 1) {
      const below = join(into, `d${index % 10}`);
      await mkdir(below, { recursive: true });
      await writeFile(join(below, `f${index}`), `${index}`);
    }
  });
  await rm(join(a, 'd1'), { recursive: true });
  await mkdir(join(a, 'd1'));
  await writeFile(join(a, 'd1', 'new'), 'new');
  await rm(join(a, 'd2', 'f2'));
  const chain = join(node.root, 'listing');
  const full = pack(a, chain, join(node.root, 'full.tar'));
  expect(full).not.toContain('./d1/f1');
  expect(full).not.toContain('./d2/f2');
  expect(full).toContain('./d1/new');
  const restored = join(node.root, 'restored');
  await mkdir(restored);
  execFileSync('tar', ['-xpf', join(node.root, 'full.tar'), '--xattrs', '--acls', '-C', restored]);
  expect(await describeTree(restored)).toEqual(await describeTree(a));
  await reboot(node);
  await (await node.open()).reattach(A, a, noAbort());
  await writeFile(join(a, 'd3', 'f3'), 'changed');
  const increment = pack(a, chain, join(node.root, 'increment.tar'));
  expect(increment.filter((name) => !name.endsWith('/'))).toEqual(['./d3/f3']);
});

async function overlayNode(settings: Parameters<Node['open']>[0] = {}) {
  const node = await newNode();
  return { node, cache: await node.open({ method: 'overlay', ...settings }) };
}

async function give(node: Node, cache: LayerCache, instance: typeof A, unpack = fill): Promise<string> {
  const request = await requestFor(node, instance, KEY);
  expect((await cache.populate(request, unpack)).method).toBe('overlay');
  expect(isMounted(request.folder)).toBe(true);
  return request.folder;
}

async function requestFor(node: Node, instance: typeof A, key: string) {
  return { key, folder: await node.reserve(instance), instance, expectedBytes: 1000, signal: noAbort() };
}

async function fill(into: string): Promise<void> {
  await writeFile(join(into, 'text'), 'of the snapshot');
  await mkdir(join(into, 'folder'), { mode: 0o750 });
  await writeFile(join(into, 'folder', 'one'), '1');
  execFileSync('ln', [join(into, 'folder', 'one'), join(into, 'two')]);
  const all = ['text', 'folder/one', 'folder', '.'].map((name) => join(into, name));
  execFileSync('touch', ['-d', '2020-01-01T00:00:00.123456789Z', ...all]);
}

function treeOf(node: Node): string {
  return join(node.layers, 'trees', KEY, 'tree');
}

/** Mounts and caches are gone; the disk is not. */
async function reboot(node: Node): Promise<void> {
  unmountBelow(node.root);
  execFileSync('sync', ['-f', node.root]);
  await writeFile('/proc/sys/vm/drop_caches', '2');
}

/** A world in which the process is killed when it wants to start one program more than `allowed`. */
function dyingAfter(allowed: number) {
  const real = realWorld();
  let started = 0;
  let die: (how: string) => void = () => undefined;
  const died = new Promise<string>((resolve) => {
    die = resolve;
  });
  const { processes } = real;
  const world: World = {
    ...real,
    processes: {
      start: (command) => {
        started += 1;
        if (started <= allowed) return processes.start(command);
        die('died');
        const never = processes.start({ program: 'true', args: [], env: {} });
        return { ...never, exit: new Promise(() => undefined) };
      },
      startDetached: (command) => processes.startDetached(command),
      isAlive: (identity) => processes.isAlive(identity),
      signalGroup: (identity, signal) => processes.signalGroup(identity, signal),
      signalProcess: (identity, signal) => processes.signalProcess(identity, signal),
      self: () => processes.self(),
      find: (program) => processes.find(program),
    },
  };
  return { world, died };
}

/** One link of a chain, as backups make it; answers with the names in it. */
function pack(folder: string, listing: string, archive: string): string[] {
  const args = [
    '--create',
    `--file=${archive}`,
    '--format=pax',
    `--listed-incremental=${listing}`,
    '--no-check-device',
  ];
  execFileSync('tar', [...args, '--xattrs', '--acls', `--directory=${folder}`, '.']);
  return execFileSync('tar', ['--list', `--file=${archive}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
}
