import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { PipelineSpans } from '../../src/bridge/pipeline-spans.js';
import { startBridge } from '../../src/bridge/start-bridge.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import {
  ClusterServiceService,
  RegisterRequest,
} from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { collectedTracing } from '../support/span-collector.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeManager } from './support/fake-manager.js';
import { stopOf } from './support/instances.js';
import { statusOf } from './support/statuses.js';

const patience = { timeout: 15_000, interval: 10 };
const world = realWorld();
const logger = pino({ level: 'silent' });

/** A bridge whose spans are collected, with one manager. */
async function traced() {
  const folder = await temporaryFolder();
  const { collector, tracing } = await collectedTracing('bridge');
  const manager = new FakeManager(join(folder, 'm.sock'));
  await manager.start();
  onTestFinished(() => manager.stop());
  const published: string[] = [];
  const config = bridgeConfigSchema.parse({
    databaseFile: join(folder, 'steward.db'),
    listen: [`unix:${join(folder, 'b.sock')}`],
    clusters: [{ name: 'eu-1', url: manager.address }],
  });
  const bridge = await startBridge(config, {
    ...{ world, logger, registry: new Registry(), version: '0.0.0', tracer: tracing.tracer },
    publisher: { publish: async ({ key }) => void published.push(key) },
  });
  onTestFinished(() => bridge.stop());
  await bridge.ready;
  await vi.waitFor(() => expect(manager.subscribers).toBe(1), patience);
  return { collector, tracing, manager, bridge, published };
}

test('an update is seen on its way: the batch, its transaction, the instance and what was published', async () => {
  const { collector, tracing, manager, bridge, published } = await traced();
  manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'running', ownerToken: 'a-secret-token' }));
  await vi.waitFor(() => expect(published).toContain('i-1'), patience);
  await bridge.stop();
  await tracing.close();

  const { spans } = collector;
  const update = spans.find(({ name }) => name === 'handleStatusUpdate');
  const batch = spans.find(({ spanId }) => spanId === update?.parentSpanId);
  expect(batch).toMatchObject({ name: 'handleStatusUpdates', parentSpanId: '' });
  expect(batch?.attributes).toEqual({ 'steward.instances': 1 });
  expect(update?.attributes).toEqual({
    'steward.owner': 'owner-1',
    'steward.workspace': 'ws-i-1',
    'steward.instance': 'i-1',
    'steward.cluster': 'eu-1',
    'steward.version': '1',
    'steward.phase': 'running',
    'steward.outcome': 'written',
  });
  const below = spans.filter(({ parentSpanId }) => parentSpanId === batch?.spanId);
  expect(below.map(({ name }) => name).sort()).toEqual(['handleStatusUpdate', 'publish', 'transaction']);
  expect(new Set(below.map(({ traceId }) => traceId))).toEqual(new Set([batch?.traceId]));
  expect(below.find(({ name }) => name === 'publish')?.attributes).toEqual({
    'steward.channel': 'chan:workspace-instances',
    'steward.instance': 'i-1',
  });
  const turns = spans.filter(({ name }) => name === 'controlInstances');
  expect(turns.map(({ parentSpanId }) => parentSpanId).join('')).toBe('');
  expect(turns[0]?.attributes).toEqual({ 'steward.cluster': 'eu-1' });
  expect(collector.bodies.join()).not.toContain('a-secret-token');
});

test('a write that fails is seen with the instances it was about', async () => {
  const { collector, tracing } = await collectedTracing('bridge');
  const stop = stopOf('i-1', 3n);
  const work = [{ instance: 'i-1', waiting: [], stop, isRepeated: false }];
  const spans = new PipelineSpans(tracing.tracer);
  const failing = spans.batches(() => Promise.reject(new StewardError('unavailable', 'no database')));
  await expect(failing(work)).rejects.toMatchObject({ code: 'unavailable' });
  await tracing.close();
  expect(collector.spans.map(({ name, status, attributes }) => ({ name, status, attributes }))).toEqual([
    {
      ...{ name: 'handleStatusUpdate', status: 0 },
      attributes: { 'steward.instance': 'i-1', 'steward.version': '3', 'steward.outcome': 'failed' },
    },
    {
      ...{ name: 'handleStatusUpdates', status: 2 },
      attributes: { 'steward.instances': 1, 'error.type': 'unavailable' },
    },
  ]);
});

test('a call of ClusterService goes on with the trace of its caller', async () => {
  const { collector, tracing, bridge } = await traced();
  const channel = createChannel(bridge.addresses[0] ?? '', { clock: world.clock });
  onTestFinished(() => channel.close());
  const clusters = createClient(ClusterServiceService, channel);
  const metadata = new Metadata();
  metadata.set('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
  await clusters.list({}, { metadata });
  const refused = clusters.register(RegisterRequest.fromPartial({ name: 'eu-1', url: 'u', tls: {} }), {
    metadata,
  });
  await expect(refused).rejects.toMatchObject({ code: 'cluster-exists' });
  await bridge.stop();
  await tracing.close();
  const service = 'workspacemanagerbridge.ClusterService';
  const calls = collector.spans.filter(({ name }) => name.startsWith(service));
  const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7' };
  const rpc = { 'rpc.system': 'grpc', 'rpc.service': service };
  expect(calls).toMatchObject([
    { ...caller, name: `${service}/List`, status: 0, attributes: { ...rpc, 'rpc.method': 'List' } },
    {
      ...{ ...caller, name: `${service}/Register`, status: 2 },
      attributes: { ...rpc, 'steward.cluster': 'eu-1', 'error.type': 'cluster-exists' },
    },
  ]);
});
