import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';

let folder: string;
let daemon: RealDaemon | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-disk-'));
});
afterEach(async () => {
  await daemon?.close();
  await rm(folder, { recursive: true, force: true });
});

it('refuses to start without the disk of the workspaces, ends nothing, and goes on when it is back', async () => {
  await withWork();
  await daemon?.close();
  daemon = undefined;
  await unmount();
  await expect(realDaemon(folder)).rejects.toMatchObject({
    code: 'storage-unavailable',
    message: expect.stringContaining('its disk is not mounted'),
  });
  await mountAgain();
  daemon = await realDaemon(folder);
  expect((await daemon.steward.getContent({ instanceId: 'i1' })).content).toMatchObject({
    step: 'available.idle',
  });
  await expectWorkRestored();
});

it('takes nothing for lost when the disk goes away while the daemon runs', async () => {
  const running = await withWork();
  await unmount();
  const dispose = running.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
  await expect(dispose).rejects.toMatchObject({ code: 'backup-failed' });
  const init = running.content.initWorkspace(emptyWorkspace('i5', 'w5'));
  await expect(init).rejects.toMatchObject({ code: 'storage-unavailable' });
  expect(await readdir(workspaces())).toEqual([]);
  await mountAgain();
  await running.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
  await expectWorkRestored();
});

async function withWork(): Promise<RealDaemon> {
  const running = await realDaemon(folder, {
    limits: { backupAttemptsMax: 1, pauseMin: '10m', pauseMax: '10m' },
  });
  daemon = running;
  await running.content.initWorkspace(emptyWorkspace('i1'));
  await running.content.waitForInit({ id: 'i1' });
  await writeFile(join(workspaces(), 'i1', 'work.txt'), 'not to be lost');
  return running;
}

/** What is seen when a disk is not mounted: the folder it is mounted on, with nothing in it. */
async function unmount(): Promise<void> {
  await rename(workspaces(), join(folder, 'unmounted'));
  await mkdir(workspaces());
}

async function mountAgain(): Promise<void> {
  await rm(workspaces(), { recursive: true });
  await rename(join(folder, 'unmounted'), workspaces());
}

async function expectWorkRestored(): Promise<void> {
  if (daemon === undefined) throw new Error('no daemon runs');
  await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
  await daemon.content.initWorkspace(emptyWorkspace('i2'));
  await daemon.content.waitForInit({ id: 'i2' });
  expect(await readFile(join(workspaces(), 'i2', 'work.txt'), 'utf8')).toBe('not to be lost');
}

function workspaces(): string {
  return join(folder, 'daemon', 'workspaces');
}
