import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Files } from '../../src/gateways/files.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import {
  AREA,
  DAY,
  emptyArea,
  HOUR,
  housekeepingIn,
  never,
  putContent,
  quarantined,
  textOf,
} from '../daemon/housekeeping/rig.js';

/** What there may be of one id, independently of each other. */
const thing = fc.record({
  hasContent: fc.boolean(),
  isOld: fc.boolean(),
  hasRecord: fc.boolean(),
  isSetAside: fc.boolean(),
  hasActor: fc.boolean(),
});
type Thing = typeof thing extends fc.Arbitrary<infer T> ? T : never;

const interruption = fc.record({
  how: fc.constantFrom('kill', 'power cut'),
  after: fc.integer({ min: 0, max: 60 }),
});

it('never touches what is owned and loses nothing, whenever it is interrupted', async () => {
  const runs = fc.asyncProperty(
    fc.array(thing, { maxLength: 6 }),
    fc.array(interruption, { maxLength: 4 }),
    fc.integer(),
    async (things, interruptions, seed) => {
      let world = await worldOf(things, seed);
      const actors = new Set(things.flatMap(({ hasActor }, index) => (hasActor ? [idOf(index)] : [])));
      for (const { how, after } of interruptions) {
        await interruptedRound(world, actors, after);
        world = how === 'kill' ? world.kill() : world.cutPower();
        await expectNothingLost(world, things);
      }
      const { housekeeping } = housekeepingIn(world, { actors });
      await housekeeping.open();
      await housekeeping.round(never);
      await expectNothingLost(world, things);
      for (const [index, it] of things.entries()) {
        const stays = it.hasContent && (isOwned(it) || !it.isOld);
        expect((await world.files.stat(contentOf(index))) !== undefined).toBe(stays);
      }
      await world.time.advance(8 * DAY);
      await housekeepingIn(world, { actors }).housekeeping.round(never);
      const { told, housekeeping: again } = housekeepingIn(world, { actors });
      await again.round(never);
      expect(told).toEqual([]);
      await expectOwnedThere(world, things);
    },
  );
  await fc.assert(runs, { numRuns: 150 });
});

async function worldOf(things: readonly Thing[], seed: number): Promise<SimulatedWorld> {
  const world = SimulatedWorld.fromSeed(seed);
  await emptyArea(world);
  for (const isOld of [true, false]) {
    for (const [index, it] of things.entries()) {
      if (it.hasContent && it.isOld === isOld) await putContent(world, contentOf(index), textFor(index));
    }
    if (isOld) await world.time.advance(2 * HOUR);
  }
  for (const [index, { hasRecord, isSetAside }] of things.entries()) {
    if (hasRecord) await world.files.write(join(AREA.records, `${idOf(index)}.record`), 'x', { sync: true });
    if (isSetAside)
      await world.files.write(join(AREA.setAside, `${idOf(index)}.7.record`), 'x', { sync: true });
  }
  await world.files.syncDirectory(AREA.records);
  await world.files.syncDirectory(AREA.setAside);
  return world;
}

async function interruptedRound(
  world: SimulatedWorld,
  actors: ReadonlySet<string>,
  after: number,
): Promise<void> {
  let left = after;
  const files = new Proxy<Files>(world.files, {
    get(_target, name) {
      const found: unknown = Reflect.get(world.files, name, world.files);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]) => {
        left -= 1;
        if (left < 0) return Promise.reject(new Error('killed'));
        return Reflect.apply(found, world.files, args);
      };
    },
  });
  const { housekeeping } = housekeepingIn(world, { files, actors });
  await housekeeping
    .open()
    .then(() => housekeeping.round(never))
    .catch(() => undefined);
}

async function expectNothingLost(world: SimulatedWorld, things: readonly Thing[]): Promise<void> {
  await expectOwnedThere(world, things);
  const away = new Set(await quarantined(world));
  for (const [index, it] of things.entries()) {
    if (!it.hasContent || isOwned(it)) continue;
    const isThere = (await world.files.stat(join(contentOf(index), 'work.txt'))) !== undefined;
    expect(isThere || away.has(textFor(index))).toBe(true);
    if (!it.isOld) expect(isThere).toBe(true);
  }
}

async function expectOwnedThere(world: SimulatedWorld, things: readonly Thing[]): Promise<void> {
  for (const [index, it] of things.entries()) {
    if (!it.hasContent || !isOwned(it)) continue;
    expect(await textOf(world, join(contentOf(index), 'work.txt'))).toBe(textFor(index));
  }
}

function isOwned({ hasRecord, isSetAside, hasActor }: Thing): boolean {
  return hasRecord || isSetAside || hasActor;
}

function idOf(index: number): string {
  return `i${index}`;
}

function contentOf(index: number): string {
  return join(AREA.workspaces, idOf(index));
}

function textFor(index: number): string {
  return `work of ${index}`;
}
