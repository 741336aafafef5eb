import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { interceptFiles } from '../../support/intercepted-files.js';
import { AREA, DAY, emptyArea, HOUR, housekeepingIn, never, putContent, quarantined, textOf } from './rig.js';

let world: SimulatedWorld;

beforeEach(async () => {
  world = SimulatedWorld.fromSeed(1);
  await emptyArea(world);
});

async function round(changes: Parameters<typeof housekeepingIn>[1] = {}): Promise<readonly string[]> {
  const { housekeeping, told } = housekeepingIn(world, changes);
  await housekeeping.open();
  await housekeeping.round(never);
  return told;
}

const contentOf = (name: string) => join(AREA.workspaces, name);

describe('content that nobody owns', () => {
  it('is put away when it is old enough, with a note, and removed when its time is over', async () => {
    await putContent(world, contentOf('lost'), 'the work');
    expect(await round()).toEqual([]);
    await world.time.advance(HOUR);
    expect(await round()).toEqual([`quarantined ${contentOf('lost')}`]);
    expect(await quarantined(world)).toEqual(['the work']);
    const [entry] = await world.files.list(AREA.quarantine);
    const note = JSON.parse(await textOf(world, join(AREA.quarantine, entry?.name ?? '', 'note.json')));
    expect(note).toEqual({
      from: contentOf('lost'),
      why: expect.stringContaining('no record'),
      at: new Date(world.clock.now()).toISOString(),
    });
    await world.time.advance(7 * DAY - 1);
    expect(await round()).toEqual([]);
    await world.time.advance(1);
    expect(await round()).toEqual(['removed lost expired']);
    expect(await world.files.list(AREA.quarantine)).toEqual([]);
  });

  it('goes before its time when the disk is full, oldest first, and only as much as is needed', async () => {
    await putContent(world, contentOf('first'), '1');
    await world.time.advance(HOUR);
    await round();
    await putContent(world, contentOf('second'), '2');
    await world.time.advance(HOUR);
    await round();
    let asked = 0;
    const files = interceptFiles(world.files, () => undefined);
    const told = await round({
      files: {
        ...files,
        space: async () => {
          asked += 1;
          return { freeBytes: asked === 1 ? 99 : 100, totalBytes: 1_000 };
        },
      },
      minFreeBytes: 100,
    });
    expect(told).toEqual(['removed first disk-full']);
    expect(await quarantined(world)).toEqual(['2']);
  });

  it('does not stay for ever because its time is far ahead', async () => {
    await world.time.advance(DAY);
    await putContent(world, contentOf('ahead'), 'x');
    const files = interceptFiles(world.files, () => undefined);
    const told = await round({
      files: {
        ...files,
        stat: async (path) => {
          const found = await world.files.stat(path);
          return found && { ...found, modifiedMs: found.modifiedMs + 365 * DAY };
        },
      },
    });
    expect(told).toEqual([`quarantined ${contentOf('ahead')}`]);
  });
});

describe('what somebody owns', () => {
  it.each([
    ['a record', () => world.files.write(join(AREA.records, 'kept.record'), 'of any kind')],
    ['a record that is being written', () => world.files.write(join(AREA.records, 'kept.tmp'), '')],
    ['a record that was set aside', () => world.files.write(join(AREA.setAside, 'kept.123.record'), '')],
    ['one that a person renamed', () => world.files.write(join(AREA.setAside, 'kept.old.bak'), '')],
  ])('by %s is left alone', async (_what, protect) => {
    await putContent(world, contentOf('kept'), 'x');
    await world.files.makeDirectory(join(AREA.chains, 'kept'));
    await world.files.write(join(AREA.secrets, 'kept.json'), '{}');
    await protect();
    await world.time.advance(100 * DAY);
    expect(await round({ minFreeBytes: Number.MAX_SAFE_INTEGER })).toEqual([]);
  });

  it('by an actor is left alone', async () => {
    await putContent(world, contentOf('kept'), 'x');
    await world.time.advance(100 * DAY);
    expect(await round({ actors: new Set(['kept']) })).toEqual([]);
  });

  it('is not guessed at when the records cannot be listed', async () => {
    await putContent(world, contentOf('lost'), 'x');
    await world.time.advance(DAY);
    const files = interceptFiles(world.files, (operation, path) => {
      if (operation === 'list' && path === AREA.setAside) throw new Error('EIO');
    });
    await expect(round({ files })).rejects.toThrow('EIO');
    expect(await textOf(world, join(contentOf('lost'), 'work.txt'))).toBe('x');
  });
});

describe('the rest', () => {
  it('goes at once: caches, credentials and temporary files of nobody; scratch at start', async () => {
    await world.files.makeDirectory(join(AREA.chains, 'gone'));
    await world.files.write(join(AREA.secrets, 'gone.json'), '{}');
    await world.files.write(join(AREA.root, 'storage-identity.tmp'), '');
    await world.files.makeDirectory(join(AREA.scratch, 'a-look'));
    await world.time.advance(HOUR);
    expect(await round()).toEqual([
      `cleaned ${join(AREA.scratch, 'a-look')}`,
      `cleaned ${join(AREA.chains, 'gone')}`,
      `cleaned ${join(AREA.secrets, 'gone.json')}`,
      `cleaned ${join(AREA.root, 'storage-identity.tmp')}`,
    ]);
  });

  it('that is not ours is left alone', async () => {
    await world.files.makeDirectory(contentOf('lost+found'));
    await world.files.makeDirectory(contentOf('.overlays'));
    await world.files.write(contentOf('aquota.user'), '');
    await world.files.write(join(AREA.secrets, 'README'), '');
    await world.time.advance(DAY);
    expect(await round()).toEqual([]);
  });

  it('goes on although one thing cannot be moved', async () => {
    await putContent(world, contentOf('mounted'), '1');
    await putContent(world, contentOf('plain'), '2');
    await world.time.advance(HOUR);
    const files = interceptFiles(world.files, (operation, path) => {
      if (operation === 'rename' && path === contentOf('mounted')) throw new Error('EBUSY');
    });
    expect(await round({ files })).toEqual([
      `failed ${contentOf('mounted')}: EBUSY`,
      `quarantined ${contentOf('plain')}`,
    ]);
    await world.time.advance(HOUR);
    await round();
    expect(await quarantined(world)).toEqual(['1', '2']);
    expect(await world.files.list(AREA.quarantine)).toHaveLength(2);
  });
});
