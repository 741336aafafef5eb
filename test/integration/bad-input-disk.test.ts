import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonConfigInput } from '../../src/daemon/config.js';
import { fileError } from '../../src/gateways/file-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { steward } from '../cli/support/memory-cli.js';
import { interceptFiles } from '../support/intercepted-files.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

/** One attempt, and then a pause that no test waits for. */
const ONCE = { backupAttemptsMax: 1, pauseMin: '10m', pauseMax: '10m' } as const;

let folder: string;
let daemon: RealDaemon | undefined;
let mounted: string | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
});
afterEach(async () => {
  await daemon?.close();
  if (mounted !== undefined) execFileSync('umount', [mounted]);
  mounted = undefined;
  await rm(folder, { recursive: true, force: true });
});

describe('a storage on a full disk', () => {
  it('is told with its folder; the content stays, and goes on once there is room', async () => {
    const disk = await fullDisk(join(folder, 'objects'));
    daemon = await begin({ limits: ONCE }, disk.world);
    const work = await workspaceWithWork(daemon);
    await disk.fill();

    await expect(daemon.content.backupWorkspace({ id: 'i1' })).rejects.toMatchObject({
      code: 'disk-full',
      entry: { status: status.RESOURCE_EXHAUSTED },
      message: expect.stringContaining(join(folder, 'objects')),
    });
    await expect(dispose(daemon)).rejects.toMatchObject({
      code: 'backup-failed',
      entry: { status: status.DATA_LOSS },
      message: expect.stringMatching(/the content is kept: .*full/),
    });
    const command = ['content', 'dispose', 'i1', '--address', addressOf(daemon)];
    expect(await steward(command)).toMatchObject({ code: 7, stderr: expect.stringContaining('is kept') });
    expect(await readFile(work.path)).toEqual(work.bytes);
    await expectUnharmed(daemon, 'broken');

    await disk.makeRoom();
    await dispose(daemon);
    await daemon.content.initWorkspace(emptyWorkspace('i3'));
    expect(await readFile(work.path.replace('/i1/', '/i3/'))).toEqual(work.bytes);
    await expectUnharmed(daemon);
  });
});

describe('a state folder on a full disk', () => {
  it('takes nothing new, tells why, and keeps what is there', async () => {
    const disk = await fullDisk(join(folder, 'daemon'));
    daemon = await begin({ disk: { minFree: '1' } }, disk.world);
    await disk.fill();
    const init = daemon.content.initWorkspace(emptyWorkspace('i1'));
    await expect(init).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/records.*ENOSPC/),
      entry: { status: status.RESOURCE_EXHAUSTED, remedy: expect.stringContaining('Free space') },
    });
    await expectUnharmed(daemon, 'broken');
    await disk.makeRoom();
    await expect.poll(() => daemon?.content.isWorkspaceExists({ id: 'i1' })).toEqual({ exists: false });
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await expectUnharmed(daemon);
  });
});

describe('a storage folder', () => {
  it('that vanishes is told as such: it is no empty storage, and nothing is removed', async () => {
    daemon = await begin({ limits: ONCE });
    const work = await workspaceWithWork(daemon);
    await daemon.content.backupWorkspace({ id: 'i1' });
    await rename(join(folder, 'objects'), join(folder, 'away'));

    const vanished = {
      code: 'storage-unavailable',
      entry: { status: status.UNAVAILABLE },
      message: expect.stringMatching(/is not the one used before, or its disk is not mounted/),
    };
    const [backup, init, wrapUp] = await Promise.all([
      daemon.content.backupWorkspace({ id: 'i1' }).catch((error: unknown) => error),
      daemon.content.initWorkspace(emptyWorkspace('i3', 'w3')).catch((error: unknown) => error),
      dispose(daemon, 'i2').catch((error: unknown) => error),
    ]);
    expect(backup).toMatchObject(vanished);
    expect(init).toMatchObject(vanished);
    expect(wrapUp).toMatchObject({ code: 'backup-failed', message: expect.stringContaining('is kept') });
    expect(await readFile(work.path)).toEqual(work.bytes);
    await expectUnharmed(daemon, 'broken');

    await rename(join(folder, 'away'), join(folder, 'objects'));
    await dispose(daemon, 'i2');
    await dispose(daemon);
    await expectUnharmed(daemon);
  });

  it('that cannot be written makes the daemon not ready, and is told with what the disk says', async () => {
    let isReadOnly = false;
    const world = realWorld();
    const files = interceptFiles(world.files, (operation, path) => {
      const isWrite = !['read', 'stat', 'list', 'readlink', 'space'].includes(operation);
      if (isReadOnly && isWrite && path.startsWith(join(folder, 'objects')))
        throw fileError('EROFS', operation, path);
    });
    daemon = await begin({ limits: ONCE }, { ...world, files });
    const work = await workspaceWithWork(daemon);
    isReadOnly = true;
    await expect(daemon.content.backupWorkspace({ id: 'i1' })).rejects.toMatchObject({
      code: 'storage-unavailable',
      message: expect.stringContaining('EROFS'),
      entry: { remedy: expect.stringContaining('writable') },
    });
    const { conditions } = await daemon.system.getInfo({});
    expect(conditions).toContainEqual(expect.objectContaining({ name: 'storage', ready: false }));
    expect(await readFile(work.path)).toEqual(work.bytes);
    isReadOnly = false;
    await dispose(daemon);
    await expectUnharmed(daemon);
  });
});

async function begin(changes: Partial<DaemonConfigInput>, world?: World): Promise<RealDaemon> {
  const started = await realDaemon(folder, changes, world);
  await settleBystander(started);
  return started;
}

/** Instance i1 with work in it that no compression makes small, and i2 of another workspace. */
async function workspaceWithWork(running: RealDaemon) {
  await running.content.initWorkspace(emptyWorkspace('i1'));
  await running.content.initWorkspace(emptyWorkspace('i2', 'w2'));
  const path = join(folder, 'daemon', 'workspaces', 'i1', 'work.bin');
  const bytes = randomBytes(1024 * 1024);
  await writeFile(path, bytes);
  return { path, bytes };
}

function dispose(running: RealDaemon, id = 'i1') {
  return running.content.disposeWorkspace({ id, backup: true, backupLogs: false });
}

function addressOf(running: RealDaemon): string {
  return running.daemon.addresses[0] ?? '';
}

/** A disk of 4 MB as root, which alone may mount one; else files that answer as a full disk does. */
async function fullDisk(path: string) {
  await mkdir(path, { recursive: true });
  return canMount(path) ? smallDisk(path) : pretendedDisk(path);
}

function canMount(path: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0755', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  mounted = path;
  return true;
}

function smallDisk(path: string) {
  const filler = join(path, 'filler');
  return {
    world: realWorld(),
    fill: () => writeFile(filler, randomBytes(8 * 1024 * 1024)).catch(() => undefined),
    makeRoom: () => truncate(filler, 0),
  };
}

function pretendedDisk(path: string) {
  let isFull = false;
  const world = realWorld();
  const files = interceptFiles(world.files, (operation, at) => {
    const takesRoom = ['write', 'append', 'link', 'makeDirectory'].includes(operation);
    if (isFull && takesRoom && at.startsWith(path)) throw fileError('ENOSPC', operation, at);
  });
  return {
    world: { ...world, files },
    fill: async () => {
      isFull = true;
    },
    makeRoom: async () => {
      isFull = false;
    },
  };
}
