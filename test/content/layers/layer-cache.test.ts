import {
  appendFile,
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
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StewardError } from '../../../src/errors/steward-error.js';
import { gate } from '../../support/intercepted-files.js';
import { describeTree } from '../support/tree.js';
import { instanceId, keyOf, type Node, newNode, noAbort } from './support.js';

const A = instanceId('a');
const B = instanceId('b');
const C = instanceId('c');

describe('what any node can do: by copy', () => {
  test('the second instance gets the same content without an unpack', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    const unpacks: string[] = [];
    const first = await give(node, cache, A, keyOf('1'), unpacks);
    const second = await give(node, cache, B, keyOf('1'), unpacks);
    expect([first, second]).toEqual([
      { method: 'copy', wasKept: false },
      { method: 'copy', wasKept: true },
    ]);
    expect(unpacks).toHaveLength(1);
    const expected = await describeTree(cacheTree(node, keyOf('1')));
    expect(await describeTree(node.folderOf(A))).toEqual(expected);
    expect(await describeTree(node.folderOf(B))).toEqual(expected);
    await writeFile(join(node.folderOf(A), 'text'), 'of a');
    expect(await readFile(join(node.folderOf(B), 'text'), 'utf8')).toBe('of the snapshot');
    expect(await readFile(join(cacheTree(node, keyOf('1')), 'text'), 'utf8')).toBe('of the snapshot');
  });

  test('a layer outlives a restart; what an interrupted life left is removed', async () => {
    const node = await newNode();
    const before = await node.open({ method: 'copy' });
    await give(node, before, A, keyOf('1'));
    await before.flush();
    for (const rubbish of ['new/half', `trees/${keyOf('2')}/tree`]) {
      await mkdir(join(node.layers, rubbish), { recursive: true });
    }
    const after = await node.open({ method: 'copy' });
    expect(await readdir(join(node.layers, 'new'))).toEqual([]);
    expect(await readdir(join(node.layers, 'trees'))).toEqual([keyOf('1')]);
    const unpacks: string[] = [];
    expect(await give(node, after, B, keyOf('1'), unpacks)).toEqual({ method: 'copy', wasKept: true });
    expect(unpacks).toEqual([]);
  });

  test('many who want the same at once wait for one unpack', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    const unpacks: string[] = [];
    const all = [A, B, C].map((instance) => give(node, cache, instance, keyOf('1'), unpacks));
    const kept = (await Promise.all(all)).map(({ wasKept }) => wasKept);
    expect(unpacks).toHaveLength(1);
    expect(kept.filter((was) => !was)).toHaveLength(1);
  });

  test('one that waited goes on when the one before is called off', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    const off = new AbortController();
    const begun = gate();
    const first = cache.populate(
      { key: keyOf('1'), folder: await node.reserve(A), instance: A, expectedBytes: 1, signal: off.signal },
      async () => {
        begun.open();
        await new Promise((_, reject) =>
          off.signal.addEventListener('abort', () => reject(off.signal.reason)),
        );
      },
    );
    await begun.passed;
    const second = give(node, cache, B, keyOf('1'));
    off.abort(new Error('called off'));
    await expect(first).rejects.toThrow('called off');
    expect(await second).toEqual({ method: 'copy', wasKept: false });
    expect(await readdir(join(node.layers, 'new'))).toEqual([]);
  });

  test('an unpack that fails fails its caller and leaves no layer', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    const damaged = new StewardError('archive-damaged', 'cut off');
    const failing = cache.populate(await requestFor(node, A, keyOf('1')), async (into) => {
      await writeFile(join(into, 'half'), 'half');
      throw damaged;
    });
    await expect(failing).rejects.toBe(damaged);
    expect(cache.layers()).toEqual([]);
    expect(await readdir(node.folderOf(A))).toEqual([]);
    expect(await readdir(join(node.layers, 'new'))).toEqual([]);
  });

  test('a full disk lets go of what is not needed, and the folder itself is unpacked into', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    await give(node, cache, A, keyOf('1'));
    const request = await requestFor(node, B, keyOf('2'));
    const done = await cache.populate(request, async (into) => {
      if (into !== request.folder) throw new StewardError('disk-full', 'no space');
      await fill(into);
    });
    expect(done).toEqual({ method: 'direct', wasKept: false });
    expect(await readFile(join(request.folder, 'text'), 'utf8')).toBe('of the snapshot');
    expect(cache.layers()).toEqual([]);
  });

  test('what is larger than all layers may be is unpacked directly', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy', maxBytes: 10 });
    const done = await give(node, cache, A, keyOf('1'));
    expect(done.method).toBe('direct');
    expect(await readFile(join(node.folderOf(A), 'text'), 'utf8')).toBe('of the snapshot');
  });

  test('a folder that is not empty is left to the unpack to judge', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    const request = await requestFor(node, A, keyOf('1'));
    await writeFile(join(request.folder, 'mine'), '');
    const into: string[] = [];
    await cache.populate(request, async (folder) => void into.push(folder));
    expect(into).toEqual([request.folder]);
  });

  test('the least recently used makes room', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy', maxLayers: 2 });
    await give(node, cache, A, keyOf('1'));
    await give(node, cache, B, keyOf('2'));
    await give(node, cache, C, keyOf('1'));
    await give(node, cache, instanceId('d'), keyOf('3'));
    expect(
      cache
        .layers()
        .map(({ key }) => key)
        .sort(),
    ).toEqual([keyOf('1'), keyOf('3')]);
    expect((await readdir(join(node.layers, 'trees'))).sort()).toEqual([keyOf('1'), keyOf('3')]);
  });

  test('a layer whose files were tampered with is noticed and given to nobody', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    await give(node, cache, A, keyOf('1'));
    expect(await cache.inspect(noAbort())).toEqual([]);
    const victim = join(cacheTree(node, keyOf('1')), 'text');
    await writeFile(victim, 'OF THE SNAPSHOT');
    await utimes(victim, 1, 1);
    expect(await cache.inspect(noAbort())).toEqual([keyOf('1')]);
    expect(node.notes.join()).toContain('was changed on the node');
    const unpacks: string[] = [];
    expect(await give(node, cache, B, keyOf('1'), unpacks)).toEqual({ method: 'copy', wasKept: false });
    expect(unpacks).toHaveLength(1);
    expect(await readFile(join(node.folderOf(B), 'text'), 'utf8')).toBe('of the snapshot');
  });

  test('a damaged record is set aside, and its tree counts as rubbish', async () => {
    const node = await newNode();
    const before = await node.open({ method: 'copy' });
    await give(node, before, A, keyOf('1'));
    await before.flush();
    const record = join(node.layers, 'records', `${keyOf('1')}.record`);
    await truncate(record, 40);
    const after = await node.open({ method: 'copy' });
    expect(node.alarms).toMatchObject([{ kind: 'record-set-aside', key: keyOf('1') }]);
    expect(await readdir(join(node.layers, 'trees'))).toEqual([]);
    expect((await give(node, after, B, keyOf('1'))).wasKept).toBe(false);
  });

  test('a tree that somebody removed is unpacked again', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'copy' });
    await give(node, cache, A, keyOf('1'));
    await rm(cacheTree(node, keyOf('1')), { recursive: true });
    expect((await give(node, cache, B, keyOf('1'))).wasKept).toBe(false);
    expect(await readFile(join(node.folderOf(B), 'text'), 'utf8')).toBe('of the snapshot');
  });

  test('switched off, everything is unpacked directly', async () => {
    const node = await newNode();
    const cache = await node.open({ method: 'off' });
    expect(await give(node, cache, A, keyOf('1'))).toEqual({ method: 'direct', wasKept: false });
  });
});

/** Gives an instance a folder with the content of a snapshot. */
async function give(
  node: Node,
  cache: Awaited<ReturnType<Node['open']>>,
  instance: typeof A,
  key: string,
  unpacks: string[] = [],
) {
  return cache.populate(await requestFor(node, instance, key), async (into) => {
    unpacks.push(into);
    await fill(into);
  });
}

async function requestFor(node: Node, instance: typeof A, key: string) {
  return { key, folder: await node.reserve(instance), instance, expectedBytes: 1000, signal: noAbort() };
}

async function fill(into: string): Promise<void> {
  await writeFile(join(into, 'text'), 'of the snapshot');
  await mkdir(join(into, 'folder'), { mode: 0o750 });
  await writeFile(join(into, 'folder', 'one'), '1');
  await link(join(into, 'folder', 'one'), join(into, 'two'));
  await symlink('folder/one', join(into, 'link'));
  await appendFile(join(into, 'sparse'), '');
  await truncate(join(into, 'sparse'), 1_000_000);
}

function cacheTree(node: Node, key: string): string {
  return join(node.layers, 'trees', key, 'tree');
}
