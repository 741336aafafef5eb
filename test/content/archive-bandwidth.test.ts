import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { throttled } from '../../src/content/archive-bandwidth.js';
import { BackupRepository } from '../../src/content/backups.js';
import { workspacePrograms } from '../../src/gateways/simulated/programs/table.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { backupOptions, ids, noAbort } from './support/place.js';

const RATE = 1024 * 1024;
const { owner, workspace } = ids();

test('a limited stream never passes on more than its rate and one burst', async () => {
  const world = SimulatedWorld.fromSeed(1);
  const start = world.clock.monotonic();
  const passed: { readonly atMs: number; readonly bytes: number }[] = [];
  let bytes = 0;
  const body = Readable.from(
    Array.from({ length: 100 }, (_, index) => Buffer.alloc(1 + index * 2_000)),
    { objectMode: false },
  );
  const work = pipeline(body, throttled(world.clock, RATE, noAbort()), async (stream) => {
    for await (const chunk of stream) {
      bytes += chunk.length;
      passed.push({ atMs: world.clock.monotonic() - start, bytes });
    }
  });
  await world.time.runUntilSettled(work, 60_000);
  expect(bytes).toBe(9_900_100);
  for (const { atMs, bytes: until } of passed)
    expect(until).toBeLessThanOrEqual((atMs / 1000 + 0.25) * RATE + 1);
  expect(passed.at(-1)?.atMs).toBeLessThan((bytes / RATE) * 1000);
});

test('a backup takes as long as its limit says, and without one no time', async () => {
  const limited = await elapsed({ bandwidthBytesPerSecond: RATE });
  const free = await elapsed({});
  expect(limited.storedBytes).toBeGreaterThan(4 * RATE);
  expect(limited.ms - free.ms).toBeGreaterThan((limited.storedBytes / RATE - 0.25) * 1000 - 1);
  expect(limited.ms - free.ms).toBeLessThan((limited.storedBytes / RATE) * 1000 + 1_000);
});

async function elapsed(limit: { readonly bandwidthBytesPerSecond?: number }) {
  const world = SimulatedWorld.fromSeed(1, workspacePrograms);
  const storage = new DirectoryStorage(world, { bucket: 'steward', folder: '/objects', witness: '/witness' });
  const place = { world, storage, user: { uid: 33333, gid: 33333 } };
  await world.files.makeDirectory('/content');
  for (let index = 0; index < 64; index += 1) {
    await world.files.write(`/content/file-${index}`, randomBytes(65_536));
  }
  const options = backupOptions('/content');
  const start = world.clock.monotonic();
  const { manifest } = await world.time.runUntilSettled(
    new BackupRepository(place, owner, workspace).create('/content', {
      ...options,
      policy: { ...options.policy, ...limit },
    }),
    600_000,
  );
  return { ms: world.clock.monotonic() - start, storedBytes: manifest.change?.storedBytes ?? 0 };
}
