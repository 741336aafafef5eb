import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { changeCluster, insertCluster } from '../../src/bridge/clusters/cluster-rows.js';
import { type BridgeConfig, bridgeConfigSchema } from '../../src/bridge/config.js';
import { startBridge } from '../../src/bridge/start-bridge.js';
import { openSqlite } from '../../src/database/database.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { BridgeServiceService, ListInstancesRequest } from '../../src/gen/steward/v1/bridge.js';
import { SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { DescribeClusterResponse } from '../../src/gen/ws-manager-api/core.js';
import { ClusterServiceService } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { clientTls, plainManager, securedManager } from '../bridge/support/managers.js';
import { registration } from '../bridge/support/registry-rig.js';
import { statusOf } from '../bridge/support/statuses.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const patience = { timeout: 20_000, interval: 10 };

/** A bridge without clusters unless told otherwise, and everything that talks to it. */
async function start(but: Partial<BridgeConfig> = {}) {
  const folder = await temporaryFolder();
  const file = join(folder, 'steward.db');
  const registry = new Registry();
  const config = bridgeConfigSchema.parse({
    databaseFile: file,
    listen: [`unix:${join(folder, 'b.sock')}`],
    controllerIntervalSeconds: 1,
    wsClusterDBReconcileIntervalSeconds: 1,
    ...but,
  });
  const world = realWorld();
  const bridge = await startBridge(config, {
    ...{ world, registry, logger: pino({ level: 'silent' }), version: '0.0.0' },
  });
  onTestFinished(() => bridge.stop());
  const channel = createChannel(bridge.addresses[0] ?? '', { clock: world.clock });
  onTestFinished(() => channel.close());
  const client = createClient(BridgeServiceService, channel);
  const database = openSqlite(file);
  onTestFinished(() => database.close());
  return {
    ...{ bridge, client, database },
    clusters: createClient(ClusterServiceService, channel),
    system: createClient(SystemServiceService, channel),
    phases: async () => {
      const { instances } = await client.listInstances(ListInstancesRequest.fromPartial({}));
      return Object.fromEntries(instances.map((row) => [row.instanceId, `${row.region}:${row.phase}`]));
    },
    gauge: async (name: string) => (await registry.getSingleMetric(name)?.get())?.values ?? [],
  };
}

const score = 'gitpod_ws_manager_bridge_cluster_score';
const cordoned = 'gitpod_ws_manager_bridge_cluster_cordoned';
const of = (cluster: string, value: number) => ({ labels: { workspace_cluster: cluster }, value });

describe('clusters of the database', () => {
  it('are followed from their registration to their removal, and changes reach them while they are', async () => {
    const { manager, tls, authority } = await securedManager();
    manager.classes = DescribeClusterResponse.fromPartial({ preferredWorkspaceClass: 'small' });
    const { clusters, client, database, phases, gauge } = await start({
      graceSeconds: bridgeConfigSchema.shape.graceSeconds.parse({ unregistered: 1 }),
      stopShareMax: 1,
    });
    await clusters.register(registration('eu-1', manager.address, { tls }));
    await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
    manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'running' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ 'i-1': 'eu-1:running' }), patience);

    await clusters.update({ name: 'eu-1', property: { $case: 'score', value: 7 } });
    await clusters.update({ name: 'eu-1', property: { $case: 'cordoned', value: true } });
    await vi.waitFor(async () => expect(await gauge(score)).toEqual([of('eu-1', 7)]), patience);
    await vi.waitFor(async () => expect(await gauge(cordoned)).toEqual([of('eu-1', 1)]), patience);
    const link = async () => (await client.listClusterLinks({})).links[0];
    expect(await link()).toMatchObject({ name: 'eu-1', connected: true, reconnects: 0 });

    await clusters.update({ name: 'eu-1', property: { $case: 'tls', value: clientTls(authority) } });
    await vi.waitFor(
      async () => expect(await link()).toMatchObject({ connected: true, reconnects: 1 }),
      patience,
    );
    await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
    manager.set(statusOf({ id: 'i-1', version: 2n, phase: 'stopping' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ 'i-1': 'eu-1:stopping' }), patience);
    manager.classes = DescribeClusterResponse.fromPartial({ preferredWorkspaceClass: 'large' });
    const preferred = () =>
      database.read((connection) =>
        connection('d_b_workspace_cluster').first('preferredWorkspaceClass', 'score'),
      );
    await vi.waitFor(
      async () => expect(await preferred()).toEqual({ preferredWorkspaceClass: 'large', score: 7 }),
      patience,
    );

    await clusters.deregister({ name: 'eu-1', force: true });
    await vi.waitFor(() => expect(manager.subscribers).toBe(0), patience);
    expect(await gauge(score)).toEqual([]);
    await vi.waitFor(async () => expect(await phases()).toEqual({ 'i-1': 'eu-1:stopped' }), patience);
  });

  it('are taken up, changed and given up as other programs write their rows', async () => {
    const [one, two] = [await plainManager(), await plainManager()];
    const { database } = await start();
    await database.write((transaction) =>
      insertCluster(transaction, clusterNamed('a', { url: one.address })),
    );
    await vi.waitFor(() => expect(one.subscribers).toBe(1), patience);
    await database.write((transaction) => transaction('d_b_workspace_cluster').update({ url: two.address }));
    await vi.waitFor(() => expect([one.subscribers, two.subscribers]).toEqual([0, 1]), patience);
    await database.write((transaction) => changeCluster(transaction, 'a', { score: 0 }));
    await database.write((transaction) => transaction('d_b_workspace_cluster').update({ deleted: 1 }));
    await vi.waitFor(() => expect(two.subscribers).toBe(0), patience);
  });

  it('wait for nobody who accepts and never answers, nor for certificates nobody can use', async () => {
    const [hanging, well] = [await plainManager(), await plainManager()];
    hanging.mood = 'hang';
    const { database, phases, system, bridge } = await start();
    await database.write(async (transaction) => {
      await insertCluster(transaction, clusterNamed('hanging', { url: hanging.address }));
      await insertCluster(transaction, clusterNamed('well', { url: well.address }));
      const tls = { ca: 'eA==', crt: 'eA==', key: 'eA==' };
      await insertCluster(transaction, clusterNamed('odd/name', { tls }));
    });
    await vi.waitFor(() => expect(hanging.lists).toBeGreaterThan(0), patience);
    await vi.waitFor(() => expect(well.subscribers).toBe(1), patience);
    well.set(statusOf({ id: 'i-1', version: 1n, phase: 'running' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ 'i-1': 'well:running' }), patience);
    const { conditions } = await system.getInfo({});
    const stream = (name: string) =>
      conditions.find((condition) => condition.name === `manager-stream:${name}`);
    expect(stream('well')).toMatchObject({ ready: true });
    expect(stream('hanging')).toMatchObject({ ready: false });
    expect(stream('odd/name')).toMatchObject({ ready: false, message: expect.stringContaining('tls.ca') });
    await bridge.stop();
  });

  it('win over the configuration in what they may do, not in how they are reached', async () => {
    const manager = await plainManager();
    const { database, clusters, gauge } = await start({
      clusters: bridgeConfigSchema.shape.clusters.parse([{ name: 'a', url: manager.address, score: 50 }]),
    });
    await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
    expect(await gauge(score)).toEqual([of('a', 50)]);
    await database.write((transaction) =>
      insertCluster(transaction, clusterNamed('a', { url: 'unix:/nowhere.sock', score: 9 })),
    );
    await vi.waitFor(async () => expect(await gauge(score)).toEqual([of('a', 9)]), patience);
    expect(manager.subscribers).toBe(1);
    const { status } = await clusters.list({});
    expect(status.map(({ name, score: weight, static: isStatic }) => [name, weight, isStatic])).toEqual([
      ['a', 9, false],
    ]);
  });
});
