import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { RealFiles } from '../../src/gateways/real/files.js';
import { RealRandom } from '../../src/gateways/real/random.js';
import { failNth, seededFileFaults } from '../../src/gateways/simulated/file-faults.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { interceptFiles } from '../support/intercepted-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { conformsToObjectStorage } from './conformance.js';

const { signal } = new AbortController();

conformsToObjectStorage('a directory', async () => (await setUp()).open());

const simulated = async () =>
  new DirectoryStorage(SimulatedWorld.fromSeed(1), {
    folder: '/storage',
    witness: '/state/storage.json',
    bucket: 'steward',
  });
conformsToObjectStorage('a simulated directory', simulated, { isElsewhen: true });

describe('DirectoryStorage', () => {
  it('has every object whose put was answered after a power cut, and no other', async () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const world = SimulatedWorld.fromSeed(seed);
      const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
      const storage = new DirectoryStorage(world, options);
      world.files.faults = seededFileFaults(world.random.fork(), [{ probability: 0.05, code: 'EIO' }]);
      const answered: string[] = [];
      for (const name of ['a/1', 'a/2', 'b', 'c/d/e']) {
        const put = storage.put(name, Readable.from([name]), { signal });
        await put.then(() => answered.push(name)).catch(() => undefined);
      }
      const after = new DirectoryStorage(world.cutPower(), options);
      for (const name of answered) {
        const object = await after.get(name, { signal });
        expect(object && (await text(object)), `seed ${seed}`).toBe(name);
      }
      for await (const { name } of after.list('', signal)) {
        const object = await after.get(name, { signal });
        expect(object && (await text(object)), `seed ${seed}`).toBe(name);
      }
    }
  });

  it('is known again after a power cut, also when the disk was full at its first use', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const world = SimulatedWorld.fromSeed(seed);
      const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
      const storage = new DirectoryStorage(world, options);
      // Room for a part of what marks the folder as a storage.
      const { disk } = world.files;
      const { totalBytes } = disk;
      disk.totalBytes = disk.tree.usedBytes + 1 + (seed % 30);
      await expect(storage.put('a', Readable.from(['x']), { signal })).rejects.toThrow();
      disk.totalBytes = totalBytes;
      await storage.put('b', Readable.from(['x']), { signal });
      const after = new DirectoryStorage(world.cutPower(), options);
      expect(await after.head('b', signal), `seed ${seed}`).toBeDefined();
    }
  });

  it('makes sure of an object that a put which failed has left', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const world = SimulatedWorld.fromSeed(seed);
      const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
      const storage = new DirectoryStorage(world, options);
      world.files.faults = {
        at: (operation, path) =>
          operation === 'link' && path.includes('/.uploads/')
            ? { code: 'EIO', isDoneAnyway: true }
            : undefined,
      };
      await expect(storage.put('a/1', Readable.from(['x']), { signal })).rejects.toThrow();
      await storage.settle('a/1', signal);
      await storage.settle('a/2', signal);
      const after = new DirectoryStorage(world.cutPower(), options);
      expect(await after.head('a/1', signal), `seed ${seed}`).toMatchObject({ sizeBytes: 1 });
    }
  });

  it('knows its folder again after a kill at any moment of its first use and a power cut later', async () => {
    const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
    for (const [seed, moment] of moments(40)) {
      const world = SimulatedWorld.fromSeed(seed);
      world.files.faults = failNth(moment, { latencyMs: 1 });
      void new DirectoryStorage(world, options).check(signal);
      await world.time.settle();
      const next = world.kill();
      await new DirectoryStorage(next, options).check(signal);
      const last = next.cutPower();
      await new DirectoryStorage(last, options).check(signal);
      expect(await last.files.list('/storage/.uploads'), `killed at ${moment}`).toHaveLength(1);
    }
  });

  it('goes on when its disk comes back without the folder for uploads', async () => {
    const world = SimulatedWorld.fromSeed(1);
    const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
    const storage = new DirectoryStorage(world, options);
    await storage.check(signal);
    await world.files.remove('/storage/.uploads');
    await storage.put('one', Readable.from(['x']), { signal });
    expect(await storage.head('one', signal)).toMatchObject({ sizeBytes: 1 });
  });

  it('tells what the disk refuses as a failure of the storage', async () => {
    for (const operation of ['openWrite', 'writeChunk', 'finish'] as const) {
      const world = SimulatedWorld.fromSeed(1);
      const options = { folder: '/storage', witness: '/state/storage.json', bucket: 'steward' };
      const storage = new DirectoryStorage(world, options);
      for (const [code, expected] of [
        ['EIO', 'storage-unavailable'],
        ['ENOSPC', 'disk-full'],
      ] as const) {
        world.files.faults = { at: (now) => (now === operation ? { code } : undefined) };
        const put = storage.put('one', Readable.from(['x']), { signal });
        await expect(put, operation).rejects.toMatchObject({ code: expected });
      }
    }
  });

  it('finds its objects again after a restart', async () => {
    const { open } = await setUp();
    await open().put('one', Readable.from(['x']), { signal });
    expect(await open().head('one', signal)).toMatchObject({ sizeBytes: 1 });
  });

  it('answers a put only after the data, the name and new folders are on disk', async () => {
    const order: string[] = [];
    const { folder, open } = await setUp((operation, path) => {
      if (operation === 'link' || operation === 'syncDirectory') order.push(`${operation} ${path}`);
    });
    const storage = open();
    await storage.check(signal);
    order.length = 0;
    await storage.put('owner/w/one', Readable.from(['x']), { signal });
    const objects = join(folder, 'objects');
    expect(
      order.map((line) =>
        line
          .replace(objects, 'OBJECTS')
          .replace(folder, 'STORAGE')
          .replace(/ \S*uploads.*/, ' UPLOAD'),
      ),
    ).toEqual([
      'syncDirectory STORAGE',
      'syncDirectory OBJECTS',
      'syncDirectory OBJECTS/owner',
      'link UPLOAD',
      'syncDirectory OBJECTS/owner/w',
    ]);
  });

  it('never takes an empty folder in the place of its own for a storage without objects', async () => {
    const { folder, open } = await setUp();
    const storage = open();
    await storage.put('one', Readable.from(['x']), { signal });
    await rename(folder, `${folder}-unmounted`);
    for (const each of [storage, open()]) {
      await expect(each.head('one', signal)).rejects.toMatchObject({ code: 'storage-unavailable' });
      await expect(each.check(signal)).rejects.toThrow(/not the one used before/);
    }
    await mkdir(folder);
    await expect(open().put('two', Readable.from(['x']), { signal })).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    await rename(`${folder}-unmounted`, folder);
    expect(await storage.head('one', signal)).toBeDefined();
    expect(await open().head('one', signal)).toBeDefined();
  });

  it('is unavailable while its folder cannot be made, and available afterwards', async () => {
    const { folder, open } = await setUp();
    await writeFile(folder, 'a file in its place');
    const storage = open();
    await expect(storage.check(signal)).rejects.toMatchObject({ code: 'storage-unavailable' });
    await rm(folder);
    await storage.check(signal);
  });

  it('says when the disk is full or may not be written, and leaves no object', async () => {
    for (const [code, expected] of [
      ['ENOSPC', 'disk-full'],
      ['EACCES', 'storage-unavailable'],
    ]) {
      let isBroken = false;
      const { open } = await setUp((operation) => {
        if (isBroken && operation === 'link') throw Object.assign(new Error('broken'), { code });
      });
      const storage = open();
      await storage.check(signal);
      isBroken = true;
      const put = storage.put('one', Readable.from(['x']), { signal });
      await expect(put).rejects.toMatchObject({ code: expected });
      expect(await storage.head('one', signal)).toBeUndefined();
    }
  });

  it('removes what interrupted uploads left', async () => {
    const { folder, open } = await setUp();
    await open().check(signal);
    const [mine] = await readdir(join(folder, '.uploads'));
    await writeFile(join(folder, '.uploads', mine ?? '', 'half'), 'x');
    await open().check(signal);
    expect(await readdir(join(folder, '.uploads', mine ?? ''))).toEqual([]);
  });

  it('refuses an object below another', async () => {
    const { open } = await setUp();
    const storage = open();
    await storage.put('a', Readable.from(['x']), { signal });
    await expect(storage.put('a/b', Readable.from(['x']), { signal })).rejects.toMatchObject({
      code: 'already-exists',
    });
  });
});

async function setUp(before: Parameters<typeof interceptFiles>[1] = () => undefined) {
  const root = await temporaryFolder();
  const folder = join(root, 'storage');
  const world = { files: interceptFiles(new RealFiles(), before), random: new RealRandom() };
  const options = { folder, witness: join(root, 'state', 'storage.json'), bucket: 'steward' };
  return { folder, open: () => new DirectoryStorage(world, options) };
}

/** Each with several seeds: a power cut keeps what nobody synced, or does not. */
function moments(count: number): readonly (readonly [seed: number, moment: number])[] {
  return Array.from({ length: count * 8 }, (_, index) => [index, 1 + (index % count)]);
}
