import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instanceId, keyOf, newNode, noAbort } from '../content/layers/support.js';

const A = instanceId('a');

test('a layer whose user has lost its record stays below it, until that one is released', async () => {
  const node = await newNode();
  const request = async (name: string, digit: string) => {
    const instance = instanceId(name);
    const folder = await node.reserve(instance);
    return { key: keyOf(digit), folder, instance, expectedBytes: 100, signal: noAbort() };
  };
  const fill = (into: string) => writeFile(join(into, 'text'), 'of the snapshot');
  const cache = await node.open({ method: 'overlay', maxLayers: 1 });
  const first = await request('a', '1');
  expect((await cache.populate(first, fill)).method).toBe('overlay');
  await cache.flush();
  await truncate(join(node.layers, 'uses', `${A}.record`), 30);
  const after = await node.open({ method: 'overlay', maxLayers: 1 });
  expect((await after.populate(await request('b', '2'), fill)).method).toBe('direct');
  expect(await readFile(join(first.folder, 'text'), 'utf8')).toBe('of the snapshot');
  await after.release(A, first.folder, noAbort());
  expect((await after.populate(await request('c', '2'), fill)).method).toBe('overlay');
});
