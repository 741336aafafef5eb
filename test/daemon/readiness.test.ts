import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { DiskGuard } from '../../src/daemon/disk-guard.js';
import { Readiness } from '../../src/daemon/readiness.js';
import { UpkeepMetrics } from '../../src/daemon/upkeep-metrics.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';

it('tells what somebody should look at, since when, and is ready all the same', async () => {
  const world = SimulatedWorld.fromSeed(1);
  const options = { folder: '/storage', witness: '/witness', bucket: 'steward' };
  const disk = new DiskGuard(world.files, ['/'], 0);
  const readiness = new Readiness(world, new DirectoryStorage(world, options), disk);
  const metrics = new UpkeepMetrics(new Registry(), world.clock, disk);
  const { clock } = metrics.stored(pino({ level: 'silent' }));
  readiness.note('storage-clock', () => metrics.clockNotice);
  const noted = async () => {
    const conditions = await readiness.conditions();
    expect(conditions.every(({ ready }) => ready)).toBe(true);
    return conditions.find(({ name }) => name === 'storage-clock');
  };
  clock(200_000);
  const before = await noted();
  expect(before?.message).toBe('');
  await world.time.advance(1_000);
  clock(-3_600_000);
  const trouble = await noted();
  expect(trouble?.message).toContain('3600 s behind');
  expect(trouble?.sinceMs).toBe((before?.sinceMs ?? 0n) + 1_000n);
  await world.time.advance(1_000);
  expect(await noted()).toEqual(trouble);
  clock(0);
  expect((await noted())?.message).toBe('');
});
