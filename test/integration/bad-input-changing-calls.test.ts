import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import {
  ControlAdmissionRequest,
  ControlPortRequest,
  type MetadataFilter,
  SetTimeoutRequest,
  StopWorkspacePolicy,
  UpdateSSHKeyRequest,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient, type ServiceClient } from '../../src/grpc/client.js';
import { managerConfigSchema } from '../../src/manager/config.js';
import { type RunningManager, startManager } from '../../src/manager/start-manager.js';
import { type StartChange, startRequest } from '../manager/rig.js';
import { type RealDaemon, realDaemon } from '../support/real-daemon.js';

const world = realWorld();
const MINE = { id: 'mine', servicePrefix: 'my-workspace', metadata: { owner: 'me', metaId: 'my-workspace' } };
let folder: string;
let daemon: RealDaemon;
let manager: RunningManager;
let channel: Channel;
let client: ServiceClient<WorkspaceManagerService>;
let before: WorkspaceStatus | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-changing-'));
  await chmod(folder, 0o711);
  daemon = await realDaemon(folder);
  const config = managerConfigSchema.parse({
    stateFolder: join(folder, 'manager'),
    secretsFolder: join(folder, 'manager-secrets'),
    contentRoot: join(folder, 'daemon', 'workspaces'),
    listen: [`unix:${join(folder, 'm.sock')}`],
    daemonAddress: daemon.daemon.addresses[0],
  });
  const logger = pino({ level: 'silent' });
  manager = await startManager(config, { world, logger, registry: new Registry(), version: 'test' });
  channel = createChannel(`unix:${join(folder, 'm.sock')}`, { clock: world.clock });
  client = createClient(WorkspaceManagerService, channel);
  await client.startWorkspace(startRequest(MINE));
  before = await until(({ phase }) => phase === WorkspacePhase.RUNNING);
});

/** Whatever the others sent, mine is as it was. */
afterEach(async () => {
  expect((await client.describeWorkspace({ id: MINE.id })).status).toEqual(before);
});

afterAll(async () => {
  await client.stopWorkspace({ id: MINE.id, policy: StopWorkspacePolicy.ABORT });
  await until(({ phase }) => phase === WorkspacePhase.STOPPED);
  channel.close();
  await manager.stop();
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

async function until(isWanted: (status: WorkspaceStatus) => boolean): Promise<WorkspaceStatus> {
  for await (const one of client.subscribe({ mustMatch: undefined }, { timeoutMs: 30_000 })) {
    if (one.status !== undefined && isWanted(one.status)) return one.status;
  }
  throw new Error('the stream ended');
}

/** Name of the status that comes over the wire; what a failure says is short, and no secret of mine. */
async function answerTo(call: Promise<object>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (thrown) {
    if (!(thrown instanceof StewardError)) throw thrown;
    expect(thrown.message.length).toBeLessThan(300);
    expect(thrown.message).not.toContain(before?.auth?.ownerToken);
    return status[thrown.entry.status] ?? 'none';
  }
}

const HUGE = 'x'.repeat(1_000_000);
const timeout = (change: object) =>
  client.setTimeout(SetTimeoutRequest.fromPartial({ id: MINE.id, ...change }));
const port = (change: object) =>
  client.controlPort(ControlPortRequest.fromPartial({ id: MINE.id, expose: true, ...change }));
const admission = (change: object) =>
  client.controlAdmission(ControlAdmissionRequest.fromPartial({ id: MINE.id, ...change }));
const keys = (change: object) =>
  client.updateSshKey(UpdateSSHKeyRequest.fromPartial({ id: MINE.id, ...change }));

describe('a call that changes an instance', () => {
  test.each<readonly [string, () => Promise<object>]>([
    ...['', '1', '-1h', '1d', 'NaN', '9223372037s', HUGE].map(
      (duration) => [`SetTimeout to ${duration.slice(0, 12)}`, () => timeout({ duration })] as const,
    ),
    ['ControlPort without a port', () => port({})],
    ['ControlPort that removes nothing named', () => port({ expose: false })],
    ...[0, 65_536, 4_294_967_295].map(
      (number) => [`ControlPort of ${number}`, () => port({ spec: { port: number } })] as const,
    ),
    ['ControlPort with a visibility nobody knows', () => port({ spec: { port: 80, visibility: 9 } })],
    ['ControlPort with a protocol nobody knows', () => port({ spec: { port: 80, protocol: 9 } })],
    ['ControlAdmission of a level nobody knows', () => admission({ level: 9 })],
    ['UpdateSSHKey without a key', () => keys({ keys: [] })],
    ['UpdateSSHKey with an empty key', () => keys({ keys: [''] })],
    ['UpdateSSHKey with two lines', () => keys({ keys: ['ssh-ed25519 AAAA\ncommand="rm"'] })],
    ['UpdateSSHKey with a huge key', () => keys({ keys: [HUGE] })],
    ['UpdateSSHKey with many keys', () => keys({ keys: Array.from({ length: 10_000 }, () => 'k') })],
  ])('%s is refused over the wire', async (_, call) => {
    expect(await answerTo(call())).toBe('INVALID_ARGUMENT');
  });

  test('SetTimeout of a type nobody knows changes nothing', async () => {
    expect(await answerTo(timeout({ duration: '5h', type: 9 }))).toBe('OK');
  });
});

describe('by its id', () => {
  const calls: Readonly<Record<string, (id: string) => Promise<object>>> = {
    StopWorkspace: (id) => client.stopWorkspace({ id, policy: StopWorkspacePolicy.ABORT }),
    DescribeWorkspace: (id) => client.describeWorkspace({ id }),
    MarkActive: (id) => client.markActive({ id, closed: true, ignoreIfActive: false }),
    SetTimeout: (id) => timeout({ id, duration: '5h' }),
    ControlPort: (id) => port({ id, spec: { port: 80 } }),
    ControlAdmission: (id) => admission({ id, level: 1 }),
    UpdateSSHKey: (id) => keys({ id, keys: ['k'] }),
    TakeSnapshot: (id) => client.takeSnapshot({ id, returnImmediately: true }),
    BackupWorkspace: (id) => client.backupWorkspace({ id }),
  };

  test.each(Object.entries(calls))('%s finds nothing by other names of mine', async (name, call) => {
    const isStop = name === 'StopWorkspace';
    for (const id of [MINE.metadata.metaId, MINE.metadata.owner, 'MINE', 'mine/', '../mine']) {
      expect(await answerTo(call(id))).toBe(isStop ? 'OK' : 'NOT_FOUND');
    }
    expect(await answerTo(call(''))).toBe(isStop ? 'OK' : 'INVALID_ARGUMENT');
    expect(await answerTo(call(HUGE))).toBe('INVALID_ARGUMENT');
  });
});

describe('somebody else', () => {
  const theirs = (change: StartChange) =>
    client.startWorkspace(
      startRequest({ id: 'theirs', ...change, metadata: { owner: 'they', ...change.metadata } }),
    );

  test('starts nothing under my ids, and is told nothing by that', async () => {
    expect(await answerTo(theirs({ id: 'mine', metadata: { metaId: 'their-workspace' } }))).toBe(
      'ALREADY_EXISTS',
    );
    expect(await answerTo(theirs({ id: 'mine', metadata: MINE.metadata }))).toBe('ALREADY_EXISTS');
    expect(await answerTo(theirs({ metadata: { metaId: MINE.metadata.metaId } }))).toBe('ALREADY_EXISTS');
    const { status: all } = await client.getWorkspaces({ mustMatch: undefined });
    expect(all.map(({ id }) => id)).toEqual(['mine']);
  });

  test.each<readonly [string, MetadataFilter]>([
    ['their owner', { owner: 'they', metaId: '', annotations: {} }],
    ['my workspace as theirs', { owner: 'they', metaId: 'my-workspace', annotations: {} }],
    ['part of my name', { owner: 'm', metaId: '', annotations: {} }],
  ])('who asks for %s is shown nothing of mine', async (_, mustMatch) => {
    expect((await client.getWorkspaces({ mustMatch })).status).toEqual([]);
    const stream = client.subscribe({ mustMatch });
    await stream.started;
    await client.markActive({ id: MINE.id, closed: false, ignoreIfActive: true });
    const nothing = Promise.race([
      stream[Symbol.asyncIterator]().next(),
      client.describeWorkspace({ id: MINE.id }).then(() => 'nothing'),
    ]);
    before = (await client.describeWorkspace({ id: MINE.id })).status;
    expect(await nothing).toBe('nothing');
    stream.cancel();
  });
});
