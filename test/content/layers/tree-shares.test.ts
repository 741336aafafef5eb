import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { SHARE_ENTRIES_MAX, SHARE_ENTRIES_MIN } from '../../../src/content/layers/bounds.js';
import { sharesOf } from '../../../src/content/layers/tree-shares.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';

const TREE = '/tree';
let world: SimulatedWorld;

beforeEach(async () => {
  world = SimulatedWorld.fromSeed(1);
  await world.files.makeDirectory(TREE);
});

async function putFiles(folder: string, count: number): Promise<readonly string[]> {
  await world.files.makeDirectory(join(TREE, folder));
  const names = Array.from({ length: count }, (_, index) => join(folder, `file-${index}`));
  for (const name of names) await world.files.write(join(TREE, name), '');
  return names;
}

it('gives every entry of a wide tree to one of the workers, about as many to each', async () => {
  const names = await putFiles('', SHARE_ENTRIES_MIN + 1);
  const shares = await sharesOf(world.files, TREE, 2);
  const each = shares?.workers.map((share) =>
    share.flatMap(({ folder, names: some }) => some.map((name) => join(folder, name))),
  );
  expect(each?.flat().toSorted()).toEqual([...names].toSorted());
  expect(each?.map(({ length }) => length)).toEqual([SHARE_ENTRIES_MIN / 2 + 1, SHARE_ENTRIES_MIN / 2]);
  expect(shares?.folders).toEqual(['']);
});

it('goes down into the one folder that holds everything, and forgets nothing beside it', async () => {
  const inside = await putFiles('project/source', SHARE_ENTRIES_MIN);
  const beside = await putFiles('settings', 1);
  const shares = await sharesOf(world.files, TREE, 2);
  expect(shares?.folders).toEqual(['', 'project', 'settings', 'project/source']);
  const all = shares?.workers.flat().flatMap(({ folder, names }) => names.map((name) => join(folder, name)));
  expect(all?.toSorted()).toEqual([...inside, ...beside].toSorted());
});

it('leaves to one what is too little, or too many names for a command', async () => {
  expect(await sharesOf(world.files, TREE, 2)).toBeUndefined();
  await putFiles('', 1);
  expect(await sharesOf(world.files, TREE, 2)).toBeUndefined();
  await putFiles('', SHARE_ENTRIES_MAX + 1);
  expect(await sharesOf(world.files, TREE, 2)).toBeUndefined();
});

it('leaves names to one that are no text', async () => {
  await putFiles('', SHARE_ENTRIES_MIN);
  await world.files.write(join(TREE, 'a \uFFFD'), '');
  expect(await sharesOf(world.files, TREE, 2)).toBeUndefined();
});
