import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  REMOVAL_HOLD_MS,
  REMOVAL_LOOK_MS,
  REMOVAL_RETRY_MS,
  REMOVALS_CLOSE_MS,
} from '../../../src/daemon/removals/bounds.js';
import { removalsNotice } from '../../../src/daemon/removals/removal-metrics.js';
import { Removals } from '../../../src/daemon/removals/removals.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';

const PLACE = '/workspaces';
const FOLDER = '/workspaces/.removals';

let world: SimulatedWorld;
let isBusy: boolean;
let failed: string[];
let minFreeBytes: number;

beforeEach(async () => {
  world = SimulatedWorld.fromSeed(1);
  isBusy = false;
  failed = [];
  minFreeBytes = 0;
  await world.files.makeDirectory(PLACE);
});

async function opened(): Promise<Removals> {
  const removals = new Removals({
    world,
    folder: FOLDER,
    isBusy: () => isBusy,
    minFreeBytes,
    onFailed: (path) => failed.push(path),
  });
  await removals.open();
  return removals;
}

async function putTree(name: string): Promise<string> {
  await world.files.makeDirectory(join(PLACE, name, 'folder'));
  await world.files.write(join(PLACE, name, 'folder', 'file'), 'work');
  return join(PLACE, name);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await world.files.list(folder)).map(({ name }) => name);
}

describe('content that is to be removed', () => {
  it('is out of its place at once, and gone when nothing is saved any more', async () => {
    isBusy = true;
    const removals = await opened();
    await removals.take(await putTree('one'), 'one');
    await removals.take(await putTree('two'), 'two');
    expect(await namesIn(PLACE)).toEqual(['.removals']);
    await world.time.advance(REMOVAL_LOOK_MS * 4);
    expect(await namesIn(FOLDER)).toHaveLength(2);
    isBusy = false;
    await world.time.advance(REMOVAL_LOOK_MS);
    expect(await namesIn(FOLDER)).toEqual([]);
  });

  it('may be missing already, and its name may come again', async () => {
    isBusy = true;
    const removals = await opened();
    await removals.take(join(PLACE, 'one'), 'one');
    await removals.take(await putTree('one'), 'one');
    await removals.take(await putTree('one'), 'one');
    isBusy = false;
    await world.time.advance(REMOVAL_LOOK_MS);
    expect(await namesIn(PLACE)).toEqual(['.removals']);
    expect(await namesIn(FOLDER)).toEqual([]);
    expect(failed).toEqual([]);
  });

  it('does not wait longer than its time for a node that always has something to save', async () => {
    isBusy = true;
    const removals = await opened();
    await removals.take(await putTree('one'), 'one');
    await world.time.advance(REMOVAL_HOLD_MS - REMOVAL_LOOK_MS);
    expect(await namesIn(FOLDER)).toHaveLength(1);
    await world.time.advance(REMOVAL_LOOK_MS);
    expect(await namesIn(FOLDER)).toEqual([]);
  });

  it('does not wait on a disk that is nearly full', async () => {
    isBusy = true;
    const removals = await opened();
    const tree = await putTree('one');
    const { disk } = world.files;
    await world.files.write(join(PLACE, 'other'), 'x'.repeat(1_000));
    disk.totalBytes = disk.tree.usedBytes + 1;
    await removals.take(tree, 'one');
    await world.time.advance(0);
    expect(await namesIn(FOLDER)).toEqual([]);
  });

  it('does not wait while the node has less room than it is to have', async () => {
    isBusy = true;
    const { disk } = world.files;
    disk.totalBytes = 1_000_000;
    minFreeBytes = 600_000;
    await world.files.write(join(PLACE, 'other'), Buffer.alloc(300_000));
    const removals = await opened();
    await removals.take(await putTree('one'), 'one');
    await world.time.advance(0);
    expect(await namesIn(FOLDER)).toHaveLength(1);
    await world.files.write(join(PLACE, 'more'), Buffer.alloc(200_000));
    await world.time.advance(REMOVAL_LOOK_MS);
    expect(await namesIn(FOLDER)).toEqual([]);
  });

  it('is found by the next life when this one was killed', async () => {
    isBusy = true;
    const removals = await opened();
    await removals.take(await putTree('one'), 'one');
    world = world.kill();
    isBusy = false;
    await opened();
    await world.time.advance(0);
    expect(await namesIn(FOLDER)).toEqual([]);
  });

  it('is tried again later when it cannot be removed, and what came after it goes meanwhile', async () => {
    const removals = await opened();
    world.files.faults = {
      at: (operation, path) =>
        operation === 'remove' && path.startsWith(`${FOLDER}/one`) ? { code: 'EBUSY' } : undefined,
    };
    await removals.take(await putTree('one'), 'one');
    await removals.take(await putTree('two'), 'two');
    await world.time.advance(0);
    expect(await namesIn(FOLDER)).toEqual([expect.stringMatching(/^one\./)]);
    expect(failed).toHaveLength(1);
    await world.time.advance(REMOVAL_RETRY_MS);
    expect(failed).toHaveLength(2);
    expect(removals.state).toMatchObject({ waiting: 0, failing: 1, oldestFailingMs: REMOVAL_RETRY_MS });
    expect(removalsNotice(removals)).toMatch(/^cannot be removed: \/workspaces\/\.removals\/one\..*EBUSY/);
    world.files.faults = { at: () => undefined };
    await world.time.advance(REMOVAL_RETRY_MS);
    expect(await namesIn(FOLDER)).toEqual([]);
    expect(removals.state).toMatchObject({ failing: 0, oldestFailingMs: 0 });
    expect(removalsNotice(removals)).toBe('');
  });

  it('goes when the daemon stops, as far as there is time', async () => {
    isBusy = true;
    const removals = await opened();
    await removals.take(await putTree('one'), 'one');
    await removals.close();
    expect(await namesIn(FOLDER)).toEqual([]);
    world.files.faults = {
      at: (operation) => (operation === 'remove' ? { latencyMs: 10 * REMOVALS_CLOSE_MS } : undefined),
    };
    await putTree('.removals/left');
    const next = await opened();
    const closing = next.close();
    await world.time.advance(REMOVALS_CLOSE_MS);
    await closing;
    expect(await namesIn(FOLDER)).toEqual(['left']);
  });

  it('goes at once when it cannot be moved', async () => {
    isBusy = true;
    const removals = await opened();
    await world.files.remove(FOLDER);
    await removals.take(await putTree('one'), 'one');
    expect(await namesIn(PLACE)).toEqual([]);
  });
});
