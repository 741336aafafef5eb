import { describe, expect, test } from 'vitest';
import { BackupRepository } from '../../src/content/backups.js';
import { readGitStatus } from '../../src/content/git-status.js';
import { initialize } from '../../src/content/initialize.js';
import { planOf } from '../../src/content/initializers/table.js';
import type { ArchiveManifest } from '../../src/content/manifest.js';
import { runPreStop } from '../../src/content/pre-stop.js';
import { createSnapshot } from '../../src/content/snapshots.js';
import { StewardError, toStewardError } from '../../src/errors/steward-error.js';
import { sleep } from '../../src/gateways/clock.js';
import { makeDurableDirectory } from '../../src/gateways/durable.js';
import { noFileFaults } from '../../src/gateways/simulated/file-faults.js';
import { noProcessFaults } from '../../src/gateways/simulated/process-faults.js';
import { workspacePrograms } from '../../src/gateways/simulated/programs/table.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { backupOptions, contextFor, ids, noAbort } from './support/place.js';

const { owner, workspace } = ids();
/** Of the links that make objects of uploads, the archive's comes first. */
const MANIFEST_LINK = 2;
const user = { uid: 33333, gid: 33333 };

describe('the same content code in the simulated world', () => {
  test('clones, reads the status, backs up, loses power and restores', async () => {
    const before = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
    const git = {
      remoteUri: 'https://example.org/x',
      targetMode: 'REMOTE_BRANCH',
      cloneTaget: 'topic',
      config: {},
    };
    await before.world.files.makeDirectory('/content');
    await initialize(
      planOf(WorkspaceInitializer.fromJSON({ git })),
      contextFor(before, '/content', { backups: before.backups }),
      { isFreshStart: false },
    );
    await before.world.files.write('/content/work', 'done');
    await before.world.files.chown('/content/work', 33333, 33333);
    await before.world.files.symlink('work', '/content/link');
    expect(await readGitStatus(before.world, '/content', '', user, noAbort())).toMatchObject({
      branch: 'topic',
      untrackedFiles: ['link', 'work'],
    });
    const creating = before.backups.create('/content', backupOptions('/content'));
    const { manifest: made } = await settled(before.world, creating);

    const after = placeIn(before.world.cutPower());
    const manifest = await after.backups.latest(noAbort());
    expect(manifest).toEqual(made);
    await after.world.files.makeDirectory('/restored');
    await after.backups.restore(made, '/restored', { signal: noAbort() });
    expect((await after.world.files.read('/restored/work', 100)).toString()).toBe('done');
    expect(await after.world.files.readlink('/restored/link')).toBe('work');
    expect(await after.world.files.stat('/restored/work')).toMatchObject({ uid: 33333 });
    expect(after.world.processes.running).toBe(0);
  });

  test('has all of the content after a power cut once it is set up', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const before = placeIn(SimulatedWorld.fromSeed(seed, workspacePrograms));
      await makeDurableDirectory(before.world.files, '/content');
      const git = { remoteUri: 'https://example.org/x', config: {} };
      const plan = planOf(WorkspaceInitializer.fromJSON({ git }));
      await initialize(plan, contextFor(before, '/content'), { isFreshStart: false });
      const { files } = before.world.cutPower();
      expect((await files.read('/content/.git/HEAD', 100)).toString()).toBe('ref: refs/heads/main\n');
      expect(await files.stat('/content/README.md'), `seed ${seed}`).toBeDefined();
    }
  });

  test('takes content for saved by a backup whose commit had failed only when no power cut can take it', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const before = placeIn(SimulatedWorld.fromSeed(seed, workspacePrograms));
      const { backups, world } = before;
      await world.files.makeDirectory('/content');
      await world.files.write('/content/work', 'done');
      const lost = { code: 'ENOSPC', isDoneAnyway: true } as const;
      let links = 0;
      world.files.faults = {
        at: (operation, path) =>
          operation === 'link' && path.includes('/.uploads/') && ++links === MANIFEST_LINK ? lost : undefined,
      };
      const refused = settled(world, backups.create('/content', backupOptions('/content')));
      await expect(refused).rejects.toMatchObject({ code: 'disk-full' });
      world.files.faults = noFileFaults;

      const found = await backups.latest(noAbort());
      if (found === undefined) throw new Error('a link that took effect made no manifest');
      await world.files.makeDirectory('/again');
      await backups.restore(found, '/again', { signal: noAbort() });
      const { chain, ...options } = backupOptions('/again');
      await settled(world, backups.seed('/again', chain, found, { ...options, excludes: [] }));
      const saved = await settled(world, backups.create('/again', { ...options, chain }));
      expect(saved).toMatchObject({ kind: 'unchanged', manifest: { generation: 1 } });
      const after = placeIn(world.cutPower());
      expect(await after.backups.latest(noAbort()), `seed ${seed}`).toEqual(saved.manifest);
    }
  });

  test.each([
    ['snapshot', 'stat', /\/\.gitpod$/],
    ['backup', 'stat', /\/\.gitpod$/],
    ['backup', 'stat', /\/\.stewardignore$/],
    ['backup', 'stat', /-names$/],
    ['backup', 'openRead', /-names$/],
    ['backup', 'readChunk', /-names$/],
  ] as const)('a %s fails as such, and not as a defect, when %s of %s fails', async (kind, what, where) => {
    const place = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
    const { world } = place;
    await world.files.makeDirectory('/content');
    await world.files.makeDirectory('/content/.gitpod');
    await world.files.write('/content/work', 'done');
    await settled(world, sleep(world.clock, 10_000, noAbort()));
    const fails = (operation: string, path: string) => operation === what && where.test(path);
    world.files.faults = {
      at: (operation, path) => (fails(operation, path) ? { code: 'EIO' } : undefined),
    };
    const code = await settled(world, madeOf(place, kind)).catch(
      (error: unknown) => toStewardError(error).code,
    );
    expect(code).toBe('backup-failed');
  });

  test.each([/\/\.steward$/, /\/pre-stop$/])(
    'a disk that does not tell of a pre-stop program is told as such, and not as a defect: %s',
    async (where) => {
      const { world } = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
      await world.files.makeDirectory('/content');
      await world.files.makeDirectory('/content/.steward');
      const failing = { code: 'EIO', isDoneAnyway: false } as const;
      world.files.faults = {
        at: (operation, path) => (operation === 'stat' && where.test(path) ? failing : undefined),
      };
      await expect(
        runPreStop(world, '/content', { user, timeoutMs: 1000, signal: noAbort() }),
      ).rejects.toMatchObject({
        code: 'backup-failed',
        message: expect.stringContaining('whether there is a .steward/pre-stop'),
      });
    },
  );

  test.each(['snapshot', 'backup'] as const)(
    'a %s does not fail for a file that goes between the times of its folder and its names',
    async (kind) => {
      const place = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
      const { world } = place;
      await world.files.makeDirectory('/content');
      await world.files.write('/content/stays', 'here');
      await world.files.write('/content/goes', 'away');
      await settled(world, sleep(world.clock, 1000, noAbort()));
      let lists = 0;
      world.files.faults = {
        at: (operation, path) => {
          // The first one to list it is tar, and the second find, which has printed the folder by then.
          if (operation === 'list' && path === '/content' && ++lists === 2)
            world.files.disk.remove('/content/goes');
          return undefined;
        },
      };
      const { parts, tree } = await settled(world, madeOf(place, kind));
      // It holds what was there, and does not say that this is what is there now.
      expect(parts).toMatchObject([{ entries: 3 }]);
      expect(tree).toMatchObject({ entries: 2, isExact: false });
    },
  );

  test.each(['snapshot', 'backup'] as const)(
    'a %s does not fail for a file that goes between its look-up by tar and its opening',
    async (kind) => {
      const place = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
      const { world } = place;
      await world.files.makeDirectory('/content');
      await world.files.write('/content/goes', 'away');
      await world.files.write('/content/stays', 'here');
      await settled(world, sleep(world.clock, 1000, noAbort()));
      world.files.faults = {
        at: (operation, path) => {
          if (operation === 'read' && path === '/content/goes') world.files.disk.remove(path);
          return undefined;
        },
      };
      const { parts, tree } = await settled(world, madeOf(place, kind));
      expect(parts).toMatchObject([{ entries: 2 }]);
      expect(tree).toMatchObject({ entries: 2, isExact: false });
    },
  );

  test('commits no manifest that could not be read again', async () => {
    const place = placeIn(SimulatedWorld.fromSeed(1, workspacePrograms));
    await place.world.files.makeDirectory('/content');
    const { clock } = place.world;
    const halfTimes = {
      now: () => 0.5,
      monotonic: () => clock.monotonic(),
      schedule: (at: number, callback: () => void) => clock.schedule(at, callback),
    };
    const world = { ...place.world, clock: halfTimes };
    const wrong = new BackupRepository({ ...place, world }, owner, workspace);
    const creating = wrong.create('/content', backupOptions('/content'));
    await expect(settled(place.world, creating)).rejects.toMatchObject({
      code: 'manifest-unreadable',
    });
    expect(await place.backups.latest(noAbort())).toBeUndefined();
  });

  test.each([
    { kind: 'cannot-start' } as const,
    { kind: 'garbage', output: 'garbage', code: 0 } as const,
    { kind: 'garbage', output: 'garbage', code: 2 } as const,
  ])('commits nothing when tar fails: %j', async (fault) => {
    const { world, backups } = placeIn(SimulatedWorld.fromSeed(2, workspacePrograms));
    await world.files.makeDirectory('/content');
    world.processes.faults = { at: (program) => (program === 'tar' ? fault : undefined) };
    const creating = backups.create('/content', backupOptions('/content'));
    await expect(settled(world, creating)).rejects.toBeInstanceOf(StewardError);
    world.processes.faults = noProcessFaults;
    expect(await backups.latest(noAbort())).toBeUndefined();
    expect(world.processes.running).toBe(0);
  });

  test('ends a backup whose tar hangs when it is aborted', async () => {
    const { world, backups } = placeIn(SimulatedWorld.fromSeed(3, workspacePrograms));
    await world.files.makeDirectory('/content');
    world.processes.faults = { at: () => ({ kind: 'hangs' }) };
    const controller = new AbortController();
    const creating = backups.create('/content', { ...backupOptions('/content'), signal: controller.signal });
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(creating).rejects.toThrow('enough');
    expect(world.processes.running).toBe(0);
  });

  test('refuses a repository that is not there with git’s words', async () => {
    const place = placeIn(SimulatedWorld.fromSeed(4, workspacePrograms));
    await place.world.files.makeDirectory('/content');
    const plan = planOf(
      WorkspaceInitializer.fromJSON({ git: { remoteUri: 'https://missing/x', config: {} } }),
    );
    await expect(
      initialize(plan, contextFor(place, '/content'), { isFreshStart: false }),
    ).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringContaining('not found'),
    });
  });
});

async function madeOf(
  place: ReturnType<typeof placeIn>,
  kind: 'snapshot' | 'backup',
): Promise<ArchiveManifest> {
  if (kind === 'snapshot')
    return createSnapshot(place, '/content', 'snapshot-1.tar', ids(), { signal: noAbort() });
  return (await place.backups.create('/content', backupOptions('/content'))).manifest;
}

/** Backups wait a moment before they look at the clock. */
function settled<Result>(world: SimulatedWorld, work: Promise<Result>): Promise<Result> {
  return world.time.runUntilSettled(work, 60_000);
}

function placeIn(world: SimulatedWorld) {
  const storage = new DirectoryStorage(world, { bucket: 'steward', folder: '/objects', witness: '/witness' });
  const place = { world, storage, user };
  return { ...place, backups: new BackupRepository(place, owner, workspace) };
}
