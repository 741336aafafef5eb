import { describe, expect, it } from 'vitest';
import type { Files } from '../../src/gateways/files.js';
import { failNth } from '../../src/gateways/simulated/file-faults.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import type { World } from '../../src/gateways/world.js';
import { FolderWitness } from '../../src/records/folder-witness.js';

const FOLDER = '/disk/contents';

async function worldWithFolder(seed = 1): Promise<SimulatedWorld> {
  const world = SimulatedWorld.fromSeed(seed);
  await world.files.makeDirectory(FOLDER);
  await world.files.makeDirectory('/state');
  return world;
}

function witness(world: Pick<World, 'files' | 'random'>, folder = FOLDER): FolderWitness {
  return new FolderWitness(world, { folder, marker: '.marker', witness: '/state/identity' });
}

const vanished = expect.objectContaining({
  code: 'storage-unavailable',
  message: expect.stringContaining('remove /state/identity'),
});

describe('the witness of a folder', () => {
  it('knows the folder again', async () => {
    const world = await worldWithFolder();
    await witness(world).open();
    const again = witness(world);
    await again.open();
    await again.check();
  });

  it('refuses an empty folder in its place, and takes the old one back', async () => {
    const world = await worldWithFolder();
    const opened = witness(world);
    await opened.open();
    await world.files.rename(FOLDER, '/disk/away');
    await world.files.makeDirectory(FOLDER);
    await expect(opened.check()).rejects.toEqual(vanished);
    await expect(witness(world).open()).rejects.toEqual(vanished);
    expect(await world.files.list(FOLDER)).toEqual([]);
    await world.files.remove(FOLDER);
    await expect(opened.check()).rejects.toEqual(vanished);
    await world.files.rename('/disk/away', FOLDER);
    await opened.check();
    await witness(world).open();
  });

  it('refuses an empty folder after a power cut, although who used it first was killed at any moment', async () => {
    for (let seed = 0; seed < 160; seed += 1) {
      const moment = 1 + (seed % 20);
      const world = await worldWithFolder(seed);
      await world.files.syncDirectory('/');
      await world.files.syncDirectory('/disk');
      world.files.faults = failNth(moment, { latencyMs: 1 });
      void witness(world).open();
      await world.time.settle();
      const next = world.kill();
      await witness(next).open();
      const last = next.cutPower();
      await last.files.rename(FOLDER, '/disk/away');
      await last.files.makeDirectory(FOLDER);
      await expect(witness(last).open(), `killed at ${moment}`).rejects.toEqual(vanished);
    }
  });

  it('refuses another folder that was used by somebody else', async () => {
    const world = await worldWithFolder();
    await witness(world).open();
    await world.files.write(`${FOLDER}/.marker`, 'another identity');
    await expect(witness(world).open()).rejects.toEqual(vanished);
  });

  it('begins anew when its memory was removed, and with a folder that is configured newly', async () => {
    const world = await worldWithFolder();
    await witness(world).open();
    await world.files.remove(FOLDER);
    await world.files.makeDirectory(FOLDER);
    await world.files.remove('/state/identity');
    await witness(world).open();
    await world.files.makeDirectory('/disk/other');
    await witness(world, '/disk/other').open();
  });

  it('is as before after a power cut at any moment of its first use', async () => {
    for (let after = 1; after < 40; after += 1) {
      const world = await worldWithFolder();
      for (const folder of ['/', '/disk', '/state', FOLDER]) await world.files.syncDirectory(folder);
      let operations = 0;
      const files = limited(world.files, () => {
        operations += 1;
        return operations > after;
      });
      const done = await witness({ files, random: world.random })
        .open()
        .then(() => true)
        .catch(() => false);
      await witness(world.cutPower()).open();
      if (done) return;
    }
    throw new Error('the first use never ended');
  });
});

/** The same files until `isOver`: then nothing works any more. */
function limited(files: Files, isOver: () => boolean): Files {
  return new Proxy(files, {
    get(_target, name) {
      const found: unknown = Reflect.get(files, name, files);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]) => {
        if (isOver()) return Promise.reject(new Error('the power is gone'));
        return Reflect.apply(found, files, args);
      };
    },
  });
}
