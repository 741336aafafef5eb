import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BridgeConfig, bridgeConfigSchema } from '../../src/bridge/config.js';
import { type RunningBridge, startBridge } from '../../src/bridge/start-bridge.js';
import type { PublishedEvent } from '../../src/events/event-publisher.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { BridgeServiceService } from '../../src/gen/steward/v1/bridge.js';
import { SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { ClusterServiceService, ClusterState } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { FakeManager } from '../bridge/support/fake-manager.js';
import { statusOf } from '../bridge/support/statuses.js';

const patience = { timeout: 20_000, interval: 10 };

let folder: string;
let manager: FakeManager;
let config: BridgeConfig;
let published: PublishedEvent[];
let registry: Registry;
const bridges: RunningBridge[] = [];
const channels: Channel[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-'));
  manager = new FakeManager(join(folder, 'm.sock'));
  await manager.start();
  published = [];
  config = bridgeConfigSchema.parse({
    databaseFile: join(folder, 'state', 'steward.db'),
    listen: [`unix:${join(folder, 'b.sock')}`],
    clusters: [{ name: 'local', url: manager.address }],
    controllerIntervalSeconds: 1,
  });
});

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.close();
  for (const bridge of bridges.splice(0)) await bridge.stop();
  manager.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<RunningBridge> {
  registry = new Registry();
  const bridge = await startBridge(config, {
    world: realWorld(),
    logger: pino({ level: 'silent' }),
    registry,
    version: '0.0.0',
    publisher: {
      publish: async (event) => {
        published.push(event);
      },
    },
  });
  bridges.push(bridge);
  return bridge;
}

function connect(bridge: RunningBridge): Channel {
  const channel = createChannel(bridge.addresses[0] ?? '', { clock: realWorld().clock });
  channels.push(channel);
  return channel;
}

async function rows(bridge: RunningBridge) {
  const client = createClient(BridgeServiceService, connect(bridge));
  const request = {
    owner: '',
    workspaceId: '',
    instanceId: '',
    phases: [],
    pageSize: 0,
    pageToken: '',
    region: '',
    instanceIds: [],
  };
  return (await client.listInstances(request)).instances;
}

async function phases(bridge: RunningBridge): Promise<Record<string, string>> {
  return Object.fromEntries(
    (await rows(bridge)).map((row) => [row.instanceId, `${row.phase}@${row.version}`]),
  );
}

describe('the bridge over real gRPC', () => {
  it('writes a whole life of an instance with its times, and publishes it', async () => {
    const bridge = await start();
    await bridge.ready;
    await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
    const seen = ['pending', 'creating', 'initializing', 'running', 'stopping', 'stopped'] as const;
    for (const [index, phase] of seen.entries()) {
      manager.set(
        statusOf({ id: 'i-1', version: BigInt(index + 1), phase, deployed: index > 1, ownerToken: 'secret' }),
      );
    }
    await vi.waitFor(async () => expect(await phases(bridge)).toEqual({ 'i-1': 'stopped@6' }), patience);
    const [row] = await rows(bridge);
    expect(row?.owner).toBe('owner-1');
    expect(row?.workspaceId).toBe('ws-i-1');
    expect(row?.region).toBe('local');
    const times = [row?.startedTime, row?.stoppingTime, row?.stoppedTime];
    expect(times.every((time) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time ?? ''))).toBe(true);
    expect([...times].sort()).toEqual(times);
    expect(
      JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('secret');
    await vi.waitFor(() => expect(published.length).toBeGreaterThan(0), patience);
    expect(published[0]?.channel).toBe('chan:workspace-instances');
    expect(JSON.parse(published[0]?.payload ?? '')).toEqual({
      ownerID: 'owner-1',
      instanceID: 'i-1',
      workspaceID: 'ws-i-1',
    });
    expect(await registry.metrics()).toMatch(/status_updates_total\{.*known_instance="true"\} [1-9]/);
  });

  it('lists what it missed, after a lost stream and after a restart of the manager', async () => {
    manager.set(statusOf({ id: 'i-1', version: 5n, phase: 'running' }));
    const bridge = await start();
    await bridge.ready;
    expect(await phases(bridge)).toEqual({ 'i-1': 'running@5' });

    manager.deliveries = () => 0;
    manager.set(statusOf({ id: 'i-1', version: 6n, phase: 'stopping' }));
    manager.cutStreams();
    await vi.waitFor(async () => expect(await phases(bridge)).toEqual({ 'i-1': 'stopping@6' }), patience);

    manager.stop();
    manager.truth.set('i-1', statusOf({ id: 'i-1', version: 7n, phase: 'stopped' }));
    await manager.start();
    await vi.waitFor(async () => expect(await phases(bridge)).toEqual({ 'i-1': 'stopped@7' }), patience);
  });

  it('ends with the truth of a manager whose messages are lost, doubled and late', async () => {
    const bridge = await start();
    await bridge.ready;
    const late: (() => void)[] = [];
    let turn = 0;
    manager.deliveries = (status) => {
      turn += 1;
      if (turn % 4 === 0) late.push(() => manager.deliver(status));
      return turn % 3;
    };
    for (let version = 1n; version <= 6n; version += 1n) {
      for (let instance = 0; instance < 20; instance += 1) {
        const phase = (['pending', 'creating', 'running', 'running', 'stopping', 'stopped'] as const)[
          Number(version) - 1
        ];
        if (phase === undefined || (phase === 'stopped' && instance % 2 === 0)) continue;
        manager.set(statusOf({ id: `i-${instance}`, version, phase }));
      }
      if (version === 3n) manager.cutStreams();
      for (const deliver of late.splice(0)) deliver();
    }
    const truth = Object.fromEntries(
      [...manager.truth.keys()].map((id, index) => [id, index % 2 === 0 ? 'stopping@5' : 'stopped@6']),
    );
    await vi.waitFor(async () => expect(await phases(bridge)).toEqual(truth), patience);
  });

  it('stops rows whose manager forgot them, but not when it forgot everything', async () => {
    for (const id of ['i-1', 'i-2', 'i-3']) manager.set(statusOf({ id, version: 4n, phase: 'running' }));
    const bridge = await start();
    await bridge.ready;
    manager.truth.delete('i-2');
    await vi.waitFor(async () => expect((await phases(bridge))['i-2']).toBe('stopped@4'), patience);
    const stopped = (await rows(bridge)).find((row) => row.instanceId === 'i-2');
    expect(stopped?.message).toContain('does not know it');
    expect(stopped?.stoppedTime).not.toBe('');

    manager.truth.clear();
    const client = createClient(BridgeServiceService, connect(bridge));
    const link = async () => (await client.listClusterLinks({})).links[0];
    await vi.waitFor(async () => expect((await link())?.alarm).toContain('no instance at all'), patience);
    expect(await phases(bridge)).toMatchObject({ 'i-1': 'running@4', 'i-3': 'running@4' });

    await client.resume({ cluster: 'local', reason: 'the cluster is gone', timeLimits: false });
    await vi.waitFor(
      async () => expect(await phases(bridge)).toMatchObject({ 'i-1': 'stopped@4', 'i-3': 'stopped@4' }),
      patience,
    );
  });

  it('publishes after a SIGKILL what was committed and not yet published', async () => {
    manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'running' }));
    const script = fileURLToPath(new URL('./support/bridge-process.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(config)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout, 'data');
    expect(String(line)).toContain('about to publish i-1');
    child.kill('SIGKILL');
    await once(child, 'exit');

    manager.truth.clear();
    const bridge = await start();
    await vi.waitFor(() => expect(published.map((event) => event.key)).toContain('i-1'), patience);
    expect(await phases(bridge)).toEqual({ 'i-1': 'running@1' });
  });

  it('streams events to whoever watches, and lists clusters and itself', async () => {
    const bridge = await start();
    await bridge.ready;
    const channel = connect(bridge);
    const events = createClient(BridgeServiceService, channel).watchEvents({
      channels: [],
      instanceIds: ['i-2'],
    });
    await events.started;
    manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'pending' }));
    manager.set(statusOf({ id: 'i-2', version: 2n, phase: 'pending' }));
    for await (const event of events) {
      expect(JSON.parse(event.payloadJson)).toMatchObject({ instanceID: 'i-2' });
      break;
    }
    const clusters = createClient(ClusterServiceService, channel);
    const { status } = await clusters.list({});
    expect(status).toMatchObject([
      { name: 'local', url: manager.address, static: true, state: ClusterState.AVAILABLE },
    ]);
    await expect(clusters.deregister({ name: 'local', force: true })).rejects.toMatchObject({
      code: 'cluster-static',
    });
    const info = await createClient(SystemServiceService, channel).getInfo({});
    expect(info).toMatchObject({ program: 'bridge', ready: true, pid: BigInt(process.pid) });
    const parts = bridge.tree().children.map((child) => child.name);
    expect(parts).toEqual(expect.arrayContaining(['outbox-relay', 'lease', 'clusters', 'row-loop']));
  });

  it('lets the bridge that came last write, and the one before it says so', async () => {
    const first = await start();
    await first.ready;
    config = { ...config, listen: [`unix:${join(folder, 'c.sock')}`] };
    const second = await start();
    await second.ready;
    manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'running' }));
    await vi.waitFor(async () => expect(await phases(second)).toEqual({ 'i-1': 'running@1' }), patience);
    const system = createClient(SystemServiceService, connect(first));
    await vi.waitFor(async () => expect((await system.getInfo({})).ready).toBe(false), patience);
  });
});
