import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { changeCluster, insertCluster } from '../../src/bridge/clusters/cluster-rows.js';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { DescribeClusterResponse } from '../../src/gen/ws-manager-api/core.js';
import { ClusterServiceService } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { type ClientTls, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { clientTls, plainManager, securedManager } from '../bridge/support/managers.js';
import { registration } from '../bridge/support/registry-rig.js';
import { statusOf } from '../bridge/support/statuses.js';
import { createAuthority, issue } from '../grpc/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startedBridge } from './support/bridge-place.js';

const patience = { timeout: 20_000, interval: 10 };

const score = 'gitpod_ws_manager_bridge_cluster_score';
const cordoned = 'gitpod_ws_manager_bridge_cluster_cordoned';
const of = (cluster: string, value: number) => ({ labels: { workspace_cluster: cluster }, value });

describe('clusters of the database', () => {
  it('are followed from their registration to their removal, and changes reach them while they are', async () => {
    const { manager, tls, authority } = await securedManager();
    manager.classes = DescribeClusterResponse.fromPartial({ preferredWorkspaceClass: 'small' });
    const { clusters, client, database, phases, gauge } = await startedBridge({
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
    const { database } = await startedBridge();
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
    const { database, phases, system, bridge } = await startedBridge({ controllerMaxDisconnectSeconds: 1 });
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
    const streams = async () => {
      const { conditions } = await system.getInfo({});
      return Object.fromEntries(conditions.map((condition) => [condition.name, condition]));
    };
    await vi.waitFor(
      async () =>
        expect(await streams()).toMatchObject({
          'manager-stream:well': { ready: true },
          'manager-stream:hanging': { ready: false },
          'manager-stream:odd/name': { ready: false, message: expect.stringContaining('tls.ca') },
        }),
      patience,
    );
    await bridge.stop();
  });

  it('make no bridge unready that begins to follow them, for as long as a stream may be away', async () => {
    const { database, system, gauge } = await startedBridge();
    await database.write((transaction) =>
      insertCluster(transaction, clusterNamed('a', { url: 'unix:/nowhere.sock' })),
    );
    await vi.waitFor(async () => expect(await gauge(score)).toHaveLength(1), patience);
    expect((await system.getInfo({})).ready).toBe(true);
  });

  it('win over the configuration in what they may do, not in how they are reached', async () => {
    const manager = await plainManager();
    const { database, clusters, gauge } = await startedBridge({
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

describe('the names of the known system', () => {
  it('lead to the cluster, and to an address of its own for ClusterService', async () => {
    const manager = await plainManager();
    const { bridge } = await startedBridge({
      staticBridges: bridgeConfigSchema.shape.staticBridges.parse([{ name: 'eu00', url: manager.address }]),
      clusterService: { host: '127.0.0.1', port: 0 },
    });
    const address = bridge.addresses.find((each) => each.startsWith('127.0.0.1:')) ?? '';
    const channel = createChannel(address, { clock: realWorld().clock });
    onTestFinished(() => channel.close());
    const { status: listed } = await createClient(ClusterServiceService, channel).list({});
    expect(listed).toMatchObject([{ name: 'eu00', static: true }]);
    await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
  });
});

describe('ClusterService with certificates', () => {
  it('lets in whom its authority knows, and nobody else', async () => {
    const authority = createAuthority('ours');
    const folder = await temporaryFolder();
    const own = issue(authority, ['bridge']);
    const file = async (name: string, pem: Buffer) => {
      await writeFile(join(folder, name), pem);
      return join(folder, name);
    };
    const { address } = await startedBridge({
      listen: ['127.0.0.1:0'],
      tls: {
        certificate: await file('crt.pem', own.certificatePem),
        key: await file('key.pem', own.keyPem),
        ca: await file('ca.pem', authority.certificatePem),
      },
    });
    const list = (tls: Partial<ClientTls>) => {
      const { clock } = realWorld();
      const channel = createChannel(address, {
        clock,
        tls: { ca: authority.certificatePem, serverName: 'bridge', ...tls },
      });
      onTestFinished(() => channel.close());
      return createClient(ClusterServiceService, channel).list({});
    };
    const known = issue(authority, ['gpctl']);
    const stranger = issue(createAuthority('theirs'), ['gpctl']);
    expect(await list({ certificate: known.certificatePem, key: known.keyPem })).toEqual({ status: [] });
    const refused = { entry: { status: status.UNAVAILABLE } };
    await expect(list({})).rejects.toMatchObject(refused);
    await expect(list({ certificate: stranger.certificatePem, key: stranger.keyPem })).rejects.toMatchObject(
      refused,
    );
  });
});
