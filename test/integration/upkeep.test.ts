import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DaemonConfigInput } from '../../src/daemon/config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';

const isRoot = process.getuid?.() === 0;

const everyDrill = { owner: 'o1', workspaceId: 'w1', pageSize: 0, pageToken: '' };

let folder: string;
let daemon: RealDaemon | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-upkeep-'));
  if (isRoot) chmodSync(folder, 0o711);
});
afterEach(async () => {
  await daemon?.close();
  daemon = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function begin(changes: Partial<DaemonConfigInput> = {}, world?: World): Promise<RealDaemon> {
  daemon = await realDaemon(folder, changes, world);
  return daemon;
}

async function workspace(running: RealDaemon, instance: string, name = 'w1'): Promise<string> {
  await running.content.initWorkspace(emptyWorkspace(instance, name));
  await running.content.waitForInit({ id: instance });
  return join(folder, 'daemon', 'workspaces', instance);
}

it('puts content that nobody owns into the quarantine, and leaves alone what somebody owns', async () => {
  const first = await begin();
  writeFileSync(join(await workspace(first, 'i1'), 'work.txt'), 'owned');
  await first.close();
  daemon = undefined;
  const workspaces = join(folder, 'daemon', 'workspaces');
  mkdirSync(join(workspaces, 'lost'));
  mkdirSync(join(workspaces, 'unread'));
  writeFileSync(join(folder, 'daemon', 'records', 'unread.record'), 'damaged');
  for (const name of ['lost', 'unread', 'i1']) utimesSync(join(workspaces, name), 1, 1);

  const again = await begin();
  const quarantine = join(workspaces, '.quarantine');
  const contents = () => readdirSync(workspaces).filter((name) => !name.startsWith('.'));
  await expect.poll(contents, { timeout: 20_000 }).toEqual(['i1', 'unread']);
  expect(readdirSync(quarantine).map((name) => name.split('.')[0])).toEqual(['lost']);
  const metrics = expect.poll(() => again.registry.metrics(), { timeout: 20_000 });
  await metrics.toContain('steward_quarantine_entries 1');
  expect(await again.registry.metrics()).toContain('steward_housekeeping_quarantined_total 1');
  await again.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
});

it('sets up nothing new while the disk is too full, tells so, and goes on when there is room', async () => {
  let freeBytes = 5_000;
  const real = realWorld();
  const files = Object.create(real.files, {
    space: { value: async () => ({ freeBytes, totalBytes: 100_000 }) },
  });
  const running = await begin({ disk: { minFree: '10k' } }, { ...real, files });
  const conditions = async () => (await running.system.getInfo({})).conditions;
  await expect
    .poll(conditions)
    .toContainEqual(
      expect.objectContaining({ name: 'disk', ready: false, message: expect.stringContaining('5000 bytes') }),
    );
  await expect(running.content.initWorkspace(emptyWorkspace('i1'))).rejects.toMatchObject({
    code: 'disk-full',
    entry: { status: status.RESOURCE_EXHAUSTED },
  });
  expect(await running.registry.metrics()).toContain('steward_disk_full 1');
  freeBytes = 50_000;
  await expect.poll(conditions).toContainEqual(expect.objectContaining({ name: 'disk', ready: true }));
  await workspace(running, 'i1');
});

it('proves backups by restoring them, says what it found, and leaves nothing behind', async () => {
  const running = await begin({ drills: { period: '1s' } });
  writeFileSync(join(await workspace(running, 'i1'), 'work.txt'), 'to be proven');
  await running.content.backupWorkspace({ id: 'i1' });
  const listed = async () => (await running.steward.listDrills(everyDrill)).drills;
  await expect
    .poll(listed, { timeout: 20_000 })
    .toContainEqual(expect.objectContaining({ node: 'test-node', failure: undefined, generation: 1n }));
  const [drill] = await listed();
  expect(drill?.proof).toMatchObject({ compared: true, bytes: 12n });
  expect(await running.registry.metrics()).toContain('steward_drill_failing 0');
  await running.close();
  daemon = undefined;
  expect(readdirSync(join(folder, 'daemon', 'scratch'))).toEqual([]);
  expect(existsSync(join(folder, 'daemon', 'drills.json'))).toBe(true);
});

it('runs the workspace’s own pre-stop before the final backup, and stores what its terminals said', async () => {
  const running = await begin();
  const content = await workspace(running, 'i1');
  mkdirSync(join(content, '.steward'));
  writeFileSync(join(content, '.steward', 'pre-stop'), '#!/bin/sh\nrm cache; exit 4\n');
  chmodSync(join(content, '.steward', 'pre-stop'), 0o755);
  chmodSync(content, 0o777);
  writeFileSync(join(content, 'cache'), 'not worth saving');
  writeFileSync(join(content, 'prebuild-log-7'), 'what the terminal said');
  await running.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: true });
  const { content: gone } = await running.steward.getContent({ instanceId: 'i1' });
  expect(gone?.preStop).toMatchObject({ exitCode: 4 });
  expect(existsSync(join(folder, 'objects/objects/o1/workspaces/w1/instances/i1/logs/7'))).toBe(true);
  const restored = await workspace(running, 'i2');
  expect(readdirSync(restored).sort()).toEqual(['.gitpod', '.steward', 'prebuild-log-7']);
});
