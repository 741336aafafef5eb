import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { ContentServiceService } from '../../src/gen/steward/v1/content_service.js';
import { RuntimeServiceService } from '../../src/gen/steward/v1/runtime.js';
import { SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { WorkspaceContentServiceService } from '../../src/gen/ws-daemon-api/daemon.js';
import {
  StopWorkspacePolicy,
  WorkspaceConditionBool,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { createGrpcServer, type GrpcServer } from '../../src/grpc/server.js';
import { managerConfigSchema } from '../../src/manager/config.js';
import { type RunningManager, startManager } from '../../src/manager/start-manager.js';
import { startRequest } from '../manager/rig.js';

const world = realWorld();
const logger = pino({ level: 'silent' });
const { NORMALLY, IMMEDIATELY, ABORT } = StopWorkspacePolicy;
const { RUNNING, STOPPING, STOPPED } = WorkspacePhase;
const ID = 'instance-1';
let root = '';
let daemon: FakeDaemon;
let manager: RunningManager | undefined;
let channel: Channel;

/** A daemon on a real socket: what it holds survives a restart, as the real one's records do. */
class FakeDaemon {
  readonly #held = new Map<string, 'setting-up' | 'available' | 'gone'>();
  #server: GrpcServer | undefined;
  readonly disposals: boolean[] = [];
  backupFailure: StewardError | undefined;
  /** Content becomes ready when this resolves. */
  setUp: Promise<void> = Promise.resolve();

  async start(): Promise<void> {
    const addresses = [`unix:${join(root, 'd.sock')}`];
    const server = createGrpcServer({ addresses, world, logger, registry: new Registry() });
    server.addService(WorkspaceContentServiceService, {
      initWorkspace: async ({ id }) => {
        if (this.#held.has(id)) throw new StewardError('already-exists', 'it is known');
        this.#held.set(id, 'setting-up');
        return this.#ready(id);
      },
      waitForInit: ({ id }) => this.#ready(id),
      isWorkspaceExists: async ({ id }) => ({ exists: this.#held.has(id) }),
      takeSnapshot: async ({ id }) => ({ url: `snapshot-of-${id}@steward` }),
      backupWorkspace: async ({ id }) => ({ url: `backup-of-${id}@steward` }),
      disposeWorkspace: async ({ id, backup }) => {
        this.disposals.push(backup);
        if (!this.#held.has(id)) throw new StewardError('unknown-instance', 'nobody knows it');
        if (backup && this.backupFailure !== undefined) throw this.backupFailure;
        this.#held.set(id, 'gone');
        return { gitStatus: undefined };
      },
    });
    await server.start();
    this.#server = server;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
    this.#server = undefined;
  }

  async #ready(id: string) {
    await this.setUp;
    if (this.#held.get(id) === 'gone') throw new StewardError('wrong-state', 'it was disposed');
    await mkdir(contentOf(id), { recursive: true });
    await chmod(contentOf(id), 0o777);
    this.#held.set(id, 'available');
    return {};
  }
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mgr-'));
  await chmod(root, 0o711);
  daemon = new FakeDaemon();
  channel = createChannel(`unix:${join(root, 'm.sock')}`, { clock: world.clock });
});

afterEach(async () => {
  const left = manager === undefined ? [] : (await client().getWorkspaces({ mustMatch: undefined })).status;
  daemon.backupFailure = undefined;
  for (const { id, phase } of left) {
    if (phase === STOPPED) continue;
    await client().stopWorkspace({ id, policy: ABORT });
    await until((status) => status.phase === STOPPED);
  }
  await manager?.stop();
  manager = undefined;
  channel.close();
  await daemon.stop();
  await rm(root, { recursive: true, force: true });
});

function contentOf(id: string): string {
  return join(root, 'content', id);
}

async function startHere(): Promise<void> {
  const config = managerConfigSchema.parse({
    stateFolder: join(root, 'manager'),
    secretsFolder: join(root, 'secrets'),
    contentRoot: join(root, 'content'),
    listen: [`unix:${join(root, 'm.sock')}`],
    daemonAddress: `unix:${join(root, 'd.sock')}`,
    limits: { pauseMin: '20ms', pauseMax: '50ms' },
  });
  manager = await startManager(config, { world, logger, registry: new Registry(), version: '0.0.0' });
}

function client() {
  return createClient(WorkspaceManagerService, channel);
}

function requestFor(script: string) {
  const command = JSON.stringify(['/bin/sh', '-c', script]);
  return startRequest({ metadata: { annotations: { 'steward.dev/command': command } } });
}

/** The first status of the stream that is as wanted. */
async function until(isWanted: (status: WorkspaceStatus) => boolean): Promise<WorkspaceStatus> {
  for await (const { status } of client().subscribe({ mustMatch: undefined }, { timeoutMs: 30_000 })) {
    if (status !== undefined && isWanted(status)) return status;
  }
  throw new Error('the stream ended');
}

async function fileIn(name: string): Promise<string> {
  const path = join(contentOf(ID), name);
  await expect
    .poll(() => readFile(path, 'utf8').catch(() => ''), { timeout: 30_000, interval: 10 })
    .not.toBe('');
  return (await readFile(path, 'utf8')).trim();
}

test('a workspace lives over the wire: started, running, its output told, stopped and saved', async () => {
  await daemon.start();
  await startHere();
  await manager?.ready;
  const answer = await client().startWorkspace(requestFor('echo hello; echo here > here; sleep 1000'));
  expect(answer.ownerToken).toHaveLength(32);
  await until(({ phase }) => phase === RUNNING);
  expect(await fileIn('here')).toBe('here');
  const runtime = createClient(RuntimeServiceService, channel);
  const chunks: Buffer[] = [];
  for await (const { data } of runtime.logs({ instanceId: ID, follow: false, tailLines: undefined }))
    chunks.push(data);
  expect(Buffer.concat(chunks).toString()).toBe('hello\n');
  const snapshot = await client().takeSnapshot({ id: ID, returnImmediately: false });
  expect(snapshot.url).toBe('snapshot-of-instance-1@steward');

  await client().stopWorkspace({ id: ID, policy: NORMALLY });
  const { conditions } = await until(({ phase }) => phase === STOPPED);
  expect(conditions).toMatchObject({ failed: '', finalBackupComplete: WorkspaceConditionBool.TRUE });
  expect(daemon.disposals).toEqual([true]);
});

test('a log is followed until the command has ended', async () => {
  await daemon.start();
  await startHere();
  await client().startWorkspace(
    requestFor('echo one; while [ ! -e go ]; do sleep 0.01; done; echo two; exit 3'),
  );
  await until(({ phase }) => phase === RUNNING);
  const output = createClient(RuntimeServiceService, channel).logs({
    instanceId: ID,
    follow: true,
    tailLines: undefined,
  });
  await output.started;
  await writeFile(join(contentOf(ID), 'go'), '');
  const chunks: Buffer[] = [];
  for await (const { data } of output) chunks.push(data);
  expect(Buffer.concat(chunks).toString()).toBe('one\ntwo\n');
  const { conditions } = await until(({ phase }) => phase === STOPPED);
  expect(conditions?.failed).toContain('exit code 3');
});

test('a running command is taken up by a manager that comes back, and its end is noticed', async () => {
  await daemon.start();
  await startHere();
  await client().startWorkspace(requestFor('echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; exit 7'));
  const { statusVersion } = await until(({ phase }) => phase === RUNNING);
  const pid = await fileIn('pid');
  await manager?.stop();
  process.kill(Number(pid), 0);
  await startHere();
  const after = await until(({ phase }) => phase === RUNNING);
  expect(after.statusVersion).toBeGreaterThanOrEqual(statusVersion);
  expect(await fileIn('pid')).toBe(pid);
  await writeFile(join(contentOf(ID), 'go'), '');
  const { conditions } = await until(({ phase }) => phase === STOPPED);
  expect(conditions?.failed).toContain('exit code 7');
  expect(conditions?.finalBackupComplete).toBe(WorkspaceConditionBool.TRUE);
});

test('a daemon that restarts during the set-up does not fail it', async () => {
  let proceed = () => {};
  daemon.setUp = new Promise((resolve) => {
    proceed = resolve;
  });
  await daemon.start();
  await startHere();
  await client().startWorkspace(requestFor('sleep 1000'));
  await until(({ phase }) => phase === WorkspacePhase.INITIALIZING);
  await daemon.stop();
  await daemon.start();
  proceed();
  await expect(until(({ phase }) => phase === RUNNING)).resolves.toMatchObject({
    conditions: { failed: '' },
  });
});

test('a daemon that comes up late is waited for', async () => {
  await startHere();
  await client().startWorkspace(requestFor('sleep 1000'));
  await daemon.start();
  await manager?.ready;
  await until(({ phase }) => phase === RUNNING);
});

test('a final backup that fails is told, and made when the storage is mended', async () => {
  daemon.backupFailure = new StewardError('backup-failed', 'the storage is full');
  await daemon.start();
  await startHere();
  await client().startWorkspace(requestFor('sleep 1000'));
  await until(({ phase }) => phase === RUNNING);
  await client().stopWorkspace({ id: ID, policy: IMMEDIATELY });
  const stuck = await until(({ message }) => message.includes('the storage is full'));
  expect(stuck.phase).toBe(STOPPING);
  expect(stuck.conditions?.finalBackupComplete).toBe(WorkspaceConditionBool.FALSE);
  daemon.backupFailure = undefined;
  const { conditions } = await until(({ phase }) => phase === STOPPED);
  expect(conditions?.finalBackupComplete).toBe(WorkspaceConditionBool.TRUE);
});

test('failures of the daemon pass through with their own code, and the manager says who it is', async () => {
  await daemon.start();
  await startHere();
  await manager?.ready;
  const content = createClient(ContentServiceService, channel);
  await expect(content.getContent({ instanceId: ID })).rejects.toMatchObject({ code: 'not-implemented' });
  const info = await createClient(SystemServiceService, channel).getInfo({});
  expect(info).toMatchObject({ program: 'manager', ready: true, stateFolder: join(root, 'manager') });
});
