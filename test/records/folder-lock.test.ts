import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProcessIdentity } from '../../src/gateways/processes.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import type { World } from '../../src/gateways/world.js';
import { lockFolder } from '../../src/records/folder-lock.js';
import { interceptFiles } from '../support/intercepted-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const inUse = expect.objectContaining({ code: 'address-in-use' });

describe('the lock of a folder', () => {
  it('is refused while its owner lives, with who that is, and free once it is released', async () => {
    const folder = await temporaryFolder();
    const lock = await lockFolder(world, folder);
    const message = `process ${process.pid} owns ${folder} already`;
    await expect(lockFolder(world, folder)).rejects.toMatchObject({ code: 'address-in-use', message });
    await lock.release();
    await (await lockFolder(world, folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a process that was killed', async () => {
    const folder = await temporaryFolder();
    const other = await sleepingProcess();
    await lockFolder(asProcess(other), folder);
    await expect(lockFolder(world, folder)).rejects.toEqual(inUse);
    await world.processes.signalGroup(other, 'SIGKILL');
    await expect.poll(() => world.processes.isAlive(other)).toBe(false);
    await lockFolder(world, folder);
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it('is not held by another process under the pid of a dead one, nor by one of an earlier boot', async () => {
    const self = world.processes.self();
    for (const gone of [
      { ...self, startTicks: self.startTicks - 1 },
      { ...self, bootId: 'another boot' },
    ]) {
      const folder = await temporaryFolder();
      await lockFolder(asProcess(gone), folder);
      await (await lockFolder(world, folder)).release();
    }
  });

  it.each(['', '{"pid": 1', '{"pid":1}', 'x'.repeat(10_000)])(
    'is taken over when its file is damaged: %.20j',
    async (text) => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, 'lock'), text);
      await lockFolder(world, folder);
      await expect(lockFolder(world, folder)).rejects.toEqual(inUse);
    },
  );

  it('is never there by half: a reader that comes in the middle sees none or a whole one', async () => {
    const folder = await temporaryFolder();
    const seen: string[] = [];
    const files = interceptFiles(world.files, async () => {
      seen.push(await readFile(join(folder, 'lock'), 'utf8').catch(() => 'none'));
    });
    await lockFolder({ ...world, files }, folder);
    for (const text of seen)
      if (text !== 'none') expect(JSON.parse(text)).toMatchObject({ pid: process.pid });
    expect(seen).toContain('none');
  });

  it('stays with its new owner when the former one releases once more', async () => {
    const folder = await temporaryFolder();
    const former = await lockFolder(world, folder);
    await former.release();
    await lockFolder(world, folder);
    await former.release();
    await expect(lockFolder(world, folder)).rejects.toEqual(inUse);
  });

  it('leaves nothing behind of those who were killed in the middle of taking it', async () => {
    const folder = await temporaryFolder();
    const dead = { ...world.processes.self(), bootId: 'another boot' };
    const left = (claim: string) => JSON.stringify({ ...dead, claim });
    await writeFile(join(folder, 'lock'), left('first'));
    await writeFile(join(folder, 'lock.taking-first'), left('second'));
    await writeFile(join(folder, 'lock.taking-first.taking-second'), left('third'));
    await writeFile(join(folder, 'lock.new-fourth'), left('fourth'));
    await writeFile(join(folder, 'lock.taking-fifth'), left('sixth'));
    await lockFolder(world, folder);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('can be taken however many were killed one after the other while they took it', async () => {
    let life = SimulatedWorld.fromSeed(1);
    await lockFolder(life, '/state');
    for (let kill = 0; kill < 20; kill += 1) {
      life = life.kill();
      // Each gets as far as to remove the last one's file.
      const isTaking = (path: string) => /\/lock(\.taking.*)?$/.test(path);
      life.files.faults = {
        at: (operation, path) => (operation === 'remove' && isTaking(path) ? { isEndless: true } : undefined),
      };
      void lockFolder(life, '/state');
      await life.time.settle();
    }
    const names = life.files.disk.list('/state').map(({ name }) => name);
    expect(names.length).toBeGreaterThan(15);
    expect(Math.max(...names.map((name) => name.length))).toBeLessThan(100);
    life = life.kill();
    await lockFolder(life, '/state');
    expect(life.files.disk.list('/state').map(({ name }) => name)).toEqual(['lock']);
  });

  it('goes to exactly one of several who find it stale, whatever the order of their steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, contenders) => {
        const outcomes = await race(scheduler, contenders);
        const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
        for (const { reason } of refused) expect(reason).toEqual(inUse);
        expect(refused).toHaveLength(contenders - 1);
      }),
      { numRuns: 500 },
    );
  });
});

/** Several processes at once over a lock that a kill has left, their file operations in any order. */
async function race(scheduler: fc.Scheduler, contenders: number) {
  const shared = SimulatedWorld.fromSeed(1);
  const alive = new Set<number>();
  const processes = (pid: number) =>
    processesOf({ pid, startTicks: 1, bootId: 'boot' }, async (one) => alive.has(one.pid));
  await lockFolder({ ...shared, processes: processes(1) }, '/state');
  const files = interceptFiles(shared.files, () => scheduler.schedule(Promise.resolve()));
  const attempts = Array.from({ length: contenders }, (_, index) => {
    alive.add(index + 2);
    return lockFolder({ files, random: shared.random, processes: processes(index + 2) }, '/state');
  });
  return scheduler.waitFor(Promise.allSettled(attempts));
}

function processesOf(
  self: ProcessIdentity,
  isAlive: (one: ProcessIdentity) => Promise<boolean>,
): World['processes'] {
  const { processes } = world;
  return {
    start: (command) => processes.start(command),
    startDetached: (command) => processes.startDetached(command),
    signalGroup: (identity, signal) => processes.signalGroup(identity, signal),
    signalProcess: (identity, signal) => processes.signalProcess(identity, signal),
    find: (program) => processes.find(program),
    self: () => self,
    isAlive,
  };
}

function asProcess(identity: ProcessIdentity): World {
  return { ...world, processes: processesOf(identity, (one) => world.processes.isAlive(one)) };
}

/** A process that lives until the end of the test. */
async function sleepingProcess(): Promise<ProcessIdentity> {
  const folder = await temporaryFolder();
  const identity = await world.processes.startDetached({
    program: 'sleep',
    args: ['1000'],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: folder,
    logPath: join(folder, 'log'),
  });
  onTestFinished(async () => {
    await world.processes.signalGroup(identity, 'SIGKILL');
  });
  return identity;
}
