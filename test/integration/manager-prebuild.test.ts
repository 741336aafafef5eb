import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import {
  StopWorkspacePolicy,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { managerConfigSchema } from '../../src/manager/config.js';
import { type RunningManager, startManager } from '../../src/manager/start-manager.js';
import { type StartChange, startRequest } from '../manager/rig.js';
import { type RealDaemon, realDaemon } from '../support/real-daemon.js';

const world = realWorld();
let folder: string;
let daemon: RealDaemon;
let manager: RunningManager;
let channel: Channel;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-prebuild-'));
  await chmod(folder, 0o711);
  daemon = await realDaemon(folder);
  const config = managerConfigSchema.parse({
    stateFolder: join(folder, 'manager'),
    secretsFolder: join(folder, 'manager-secrets'),
    contentRoot: join(folder, 'daemon', 'workspaces'),
    listen: [`unix:${join(folder, 'm.sock')}`],
    daemonAddress: daemon.daemon.addresses[0],
    ...(process.getuid?.() === 0 ? { owner: { uid: 33333, gid: 33333 } } : {}),
  });
  const logger = pino({ level: 'silent' });
  manager = await startManager(config, { world, logger, registry: new Registry(), version: 'test' });
  channel = createChannel(`unix:${join(folder, 'm.sock')}`, { clock: world.clock });
});
afterEach(async () => {
  channel.close();
  await manager.stop();
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

function client() {
  return createClient(WorkspaceManagerService, channel);
}

async function start(id: string, script: string, change: StartChange): Promise<void> {
  const annotations = { 'steward.dev/command': JSON.stringify(['/bin/sh', '-c', script]) };
  await client().startWorkspace(startRequest({ id, metadata: { metaId: id, annotations }, ...change }));
}

async function until(id: string, phase: WorkspacePhase): Promise<WorkspaceStatus> {
  for await (const { status } of client().subscribe({ mustMatch: undefined }, { timeoutMs: 60_000 })) {
    if (status?.id === id && status.phase === phase) return status;
  }
  throw new Error('the stream ended');
}

test('what a prebuild made is where others start, once it has stopped', async () => {
  await start('prebuild', 'echo made > made', { type: WorkspaceType.PREBUILD });
  const { conditions } = await until('prebuild', WorkspacePhase.STOPPED);
  expect(conditions).toMatchObject({ failed: '', headlessTaskFailed: '', finalBackupComplete: 1 });
  const initializer = WorkspaceInitializer.fromPartial({
    spec: { $case: 'snapshot', value: { snapshot: conditions?.snapshot ?? '', fromVolumeSnapshot: false } },
  });
  await start('next', 'sleep 1000', { spec: { initializer } });
  await until('next', WorkspacePhase.RUNNING);
  const made = join(folder, 'daemon', 'workspaces', 'next', 'made');
  expect(await readFile(made, 'utf8')).toBe('made\n');
  await client().stopWorkspace({ id: 'next', policy: StopWorkspacePolicy.ABORT });
  await until('next', WorkspacePhase.STOPPED);
});

test('a reader that takes nothing for a while is told the last of many changes', async () => {
  await start('busy', 'sleep 1000', {});
  await until('busy', WorkspacePhase.RUNNING);
  const slow = client().subscribe({ mustMatch: undefined }, { timeoutMs: 60_000 });
  await slow.started;
  for (let minutes = 1; minutes <= 400; minutes += 1) {
    await client().setTimeout({ id: 'busy', duration: `${minutes}m`, type: 0 });
  }
  let told = 0;
  for await (const { status } of slow) {
    told += 1;
    if (status?.spec?.timeout === '6h40m0s') break;
  }
  expect(told).toBeLessThanOrEqual(401);
  await client().stopWorkspace({ id: 'busy', policy: StopWorkspacePolicy.ABORT });
  await until('busy', WorkspacePhase.STOPPED);
});
