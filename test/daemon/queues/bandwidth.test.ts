import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { Bandwidth } from '../../../src/daemon/queues/bandwidth.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';

const MIB = 1024 * 1024;

function rig() {
  const world = SimulatedWorld.fromSeed(1);
  const storage = new DirectoryStorage(world, { folder: '/objects', witness: '/witness', bucket: 'b' });
  return { world, storage: new Bandwidth(world.clock, MIB).limiting(storage) };
}

function body(mebibytes: number): Readable {
  return Readable.from(Array.from({ length: mebibytes * 16 }, () => Buffer.alloc(MIB / 16)));
}

it('is shared by all uploads of a node, and holds none of them back beyond it', async () => {
  const { world, storage } = rig();
  const { signal } = new AbortController();
  const ended: number[] = [];
  const start = world.clock.monotonic();
  const uploads = ['one', 'two', 'three'].map((name) =>
    storage.put(name, body(4), { signal }).then(({ sizeBytes }) => {
      ended.push(world.clock.monotonic() - start);
      return sizeBytes;
    }),
  );
  await world.time.advance(60_000);
  expect(await Promise.all(uploads)).toEqual([4 * MIB, 4 * MIB, 4 * MIB]);
  expect(Math.max(...ended)).toBeGreaterThanOrEqual(11_700);
  expect(Math.max(...ended)).toBeLessThan(13_000);
  expect(Math.min(...ended)).toBeGreaterThan(10_000);
});

it('lets an upload go that is given up while it waits for the line', async () => {
  const { world, storage } = rig();
  const leaving = new AbortController();
  const upload = storage.put('one', body(100), { signal: leaving.signal }).catch((error: unknown) => error);
  await world.time.advance(5_000);
  leaving.abort(new Error('given up'));
  await world.time.advance(1_000);
  expect(await upload).toBeInstanceOf(Error);
  expect(await storage.head('one', new AbortController().signal)).toBeUndefined();
});

it('tells a failure of what is uploaded', async () => {
  const { world, storage } = rig();
  const broken = Readable.from(
    (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the file is gone');
    })(),
  );
  const upload = storage.put('one', broken, { signal: new AbortController().signal });
  const outcome = upload.catch((error: unknown) => error);
  await world.time.advance(1_000);
  expect(await outcome).toMatchObject({ message: 'the file is gone' });
});
