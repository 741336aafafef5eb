import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { makeDurableDirectory, replaceDurably } from '../../src/gateways/durable.js';
import type { Files } from '../../src/gateways/files.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { failNth, seededFileFaults } from '../../src/gateways/simulated/file-faults.js';
import { SimulatedFiles } from '../../src/gateways/simulated/files.js';
import { SeededRandom } from '../../src/gateways/simulated/random.js';

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

describe('SimulatedFiles after a power cut', () => {
  it('have what was synced, data and names', async () => {
    for (const seed of SEEDS) {
      const files = await fresh();
      await files.write('/work/file', 'precious', { sync: true });
      await files.syncDirectory('/work');
      const left = files.crash(new SeededRandom(seed));
      expect(await content(left, '/work/file')).toBe('precious');
    }
  });

  it('may lack a name whose folder was not synced, and may have it', async () => {
    const found = await outcomes(async (files) => {
      await files.write('/work/file', 'x', { sync: true });
    });
    expect(found).toEqual(new Set(['x', undefined]));
  });

  it('may lack data that were not synced, wholly or in part, or have zeros in their place', async () => {
    const found = await outcomes(async (files) => {
      await files.write('/work/file', 'old', { sync: true });
      await files.syncDirectory('/work');
      await files.append('/work/file', ' and new');
    });
    expect(found).toContain('old');
    expect(found).toContain('old and new');
    expect([...found].some((text) => text?.includes('\0'))).toBe(true);
    expect(found.size).toBeGreaterThan(5);
  });

  it('have the old or the new content after a durable replacement was cut short, never a mixture', async () => {
    for (const seed of SEEDS) {
      const random = new SeededRandom(seed);
      const files = await fresh();
      await replaceDurably(files, '/work/file', '/work/tmp', 'old');
      files.faults = failNth(random.integer(1, 3), { code: 'EIO' });
      const replacement = replaceDurably(files, '/work/file', '/work/tmp', 'new');
      const isAnswered = await replacement.then(
        () => true,
        () => false,
      );
      const text = await content(files.crash(random), '/work/file');
      expect(isAnswered ? ['new'] : ['old', 'new'], `seed ${seed}`).toContain(text);
    }
  });

  it('would show a replacement without sync, which is how such a defect is found', async () => {
    const found = await outcomes(async (files) => {
      await replaceDurably(files, '/work/file', '/work/tmp', 'old');
      await files.write('/work/tmp', 'new');
      await files.rename('/work/tmp', '/work/file');
      await files.syncDirectory('/work');
    });
    expect(found).toContain('');
  });

  it('have new folders made durable, and all of a stream that has finished', async () => {
    for (const seed of SEEDS) {
      const files = await fresh();
      await makeDurableDirectory(files, '/work/a/b');
      await pipeline(Readable.from(['one ', 'two']), files.openWrite('/work/a/b/file'));
      await files.syncDirectory('/work/a/b');
      expect(await content(files.crash(new SeededRandom(seed)), '/work/a/b/file')).toBe('one two');
    }
  });

  it('have durable folders also when an earlier life was killed before it had synced them', async () => {
    for (const seed of SEEDS) {
      for (let survived = 1; survived <= 8; survived += 1) {
        const files = new SimulatedFiles(new SimulatedClock());
        files.faults = failNth(survived, { latencyMs: 1 });
        void makeDurableDirectory(files, '/work/a/b');
        await new Promise((resolve) => setImmediate(resolve));
        const later = files.kill();
        await makeDurableDirectory(later, '/work/a/b');
        const found = await later.crash(new SeededRandom(seed)).stat('/work/a/b');
        expect(found?.kind, `killed in operation ${survived}`).toBe('directory');
      }
    }
  });

  it('answer nobody who lived before', async () => {
    const clock = new SimulatedClock();
    const files = await fresh(clock);
    const left = files.kill();
    let isAnswered = false;
    void files.write('/work/late', 'x').then(() => {
      isAnswered = true;
    });
    await clock.settle();
    expect(isAnswered).toBe(false);
    expect(await left.stat('/work/late')).toBeUndefined();
  });
});

describe('SimulatedFiles after SIGKILL', () => {
  it('have everything that was written, and still forget it at a power cut', async () => {
    const lost = new Set<string | undefined>();
    for (const seed of SEEDS) {
      const files = await fresh();
      await files.write('/work/file', 'x');
      const left = files.kill();
      expect(await content(left, '/work/file')).toBe('x');
      lost.add(await content(left.crash(new SeededRandom(seed)), '/work/file'));
    }
    expect(lost).toContain(undefined);
  });
});

describe('faults of SimulatedFiles', () => {
  it('fail the n-th operation, before or after it took effect', async () => {
    const files = await fresh();
    files.faults = failNth(2, { code: 'EIO' });
    await files.write('/work/one', 'x');
    await expect(files.write('/work/two', 'x')).rejects.toMatchObject({ code: 'EIO' });
    expect(await files.stat('/work/two')).toBeUndefined();
    files.faults = failNth(1, { code: 'EIO', isDoneAnyway: true });
    await expect(files.write('/work/three', 'x')).rejects.toMatchObject({ code: 'EIO' });
    expect(await content(files, '/work/three')).toBe('x');
  });

  it('come from the seed alone', async () => {
    const run = async (seed: number) => {
      const files = await fresh();
      files.faults = seededFileFaults(new SeededRandom(seed), [
        { operations: ['write'], path: /^\/work/, probability: 0.3, code: 'EIO' },
      ]);
      const results: boolean[] = [];
      for (let index = 0; index < 50; index += 1) {
        results.push(
          await files.write(`/work/${index}`, 'x').then(
            () => true,
            () => false,
          ),
        );
      }
      return results;
    };
    expect(await run(7)).toEqual(await run(7));
    expect(await run(7)).not.toEqual(await run(8));
  });

  it('let operations take virtual time', async () => {
    const clock = new SimulatedClock();
    const files = await fresh(clock);
    files.faults = { at: () => ({ latencyMs: 1_000 }) };
    const start = clock.now();
    await clock.runUntilSettled(files.write('/work/file', 'x'), 10_000);
    expect(clock.now() - start).toBe(1_000);
  });

  it('write what there is room for, and have room again after a removal', async () => {
    const files = await fresh();
    files.disk.totalBytes = 10;
    await files.write('/work/one', '123456');
    await expect(files.append('/work/two', '123456')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await files.space('/work')).toEqual({ freeBytes: 0, totalBytes: 10 });
    await files.remove('/work/one');
    await files.append('/work/two', '56');
    expect(await content(files, '/work/two')).toBe('123456');
  });
});

async function fresh(clock = new SimulatedClock()): Promise<SimulatedFiles> {
  const files = new SimulatedFiles(clock);
  await makeDurableDirectory(files, '/work');
  return files;
}

async function outcomes(work: (files: SimulatedFiles) => Promise<void>): Promise<Set<string | undefined>> {
  const found = new Set<string | undefined>();
  for (const seed of SEEDS) {
    const files = await fresh();
    await work(files);
    found.add(await content(files.crash(new SeededRandom(seed)), '/work/file'));
  }
  return found;
}

async function content(files: Files, path: string): Promise<string | undefined> {
  return (await files.stat(path)) === undefined ? undefined : (await files.read(path, 1_000)).toString();
}
