import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { BridgeMetrics } from '../../src/bridge/metrics.js';
import { acceptStatus } from '../../src/bridge/pipeline/accept.js';
import { createPipeline } from '../../src/bridge/pipeline.js';
import { startBridge } from '../../src/bridge/start-bridge.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { openTestDatabase } from '../support/test-database.js';
import { FakeManager } from './support/fake-manager.js';
import { insertInstance } from './support/instances.js';
import { statusOf } from './support/statuses.js';

/** A bridge that serves its metrics, and has written the row of a manager's only instance. */
async function scraped(): Promise<Registry> {
  const folder = await temporaryFolder();
  const manager = new FakeManager(join(folder, 'm.sock'));
  await manager.start();
  onTestFinished(() => manager.stop());
  manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'running' }));
  const registry = new Registry();
  const config = bridgeConfigSchema.parse({
    databaseFile: join(folder, 'steward.db'),
    listen: [`unix:${join(folder, 'b.sock')}`],
    clusters: [{ name: 'eu-1', url: manager.address }],
    http: { port: 0 },
  });
  const logger = pino({ level: 'silent' });
  const bridge = await startBridge(config, { world: realWorld(), logger, registry, version: '0.0.0' });
  onTestFinished(() => bridge.stop());
  await bridge.ready;
  await vi.waitFor(() => expect(manager.subscribers).toBe(1), { timeout: 15_000 });
  return registry;
}

function labelsOf(registry: Registry, name: string): string {
  const metric: object | undefined = registry.getSingleMetric(name);
  const labels = metric !== undefined && 'labelNames' in metric ? metric.labelNames : [];
  return Array.isArray(labels) ? labels.map((label) => `\`${label}\``).join(', ') : '';
}

test('every metric is on its page with its type and labels, and every one of the page is served', async () => {
  const registry = await scraped();
  const text = await registry.metrics();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].filter(
    ([, name]) => !/^(nodejs|process)_/.test(name ?? ''),
  );
  const served = types.map(([, name = '', type]) => `${name} ${type} ${labelsOf(registry, name)}`);
  const page = readFileSync(join(import.meta.dirname, '../../docs/bridge-metrics.md'), 'utf8');
  const rows = page.matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \| ?(.*?) ?\| .+ \|$/gm);
  const documented = [...rows].map(([, name, type, labels]) => `${name} ${type} ${labels}`);
  expect(served.sort()).toEqual(documented.sort());
});

test('the calls of a manager are counted, and the process tells of itself', async () => {
  const registry = await scraped();
  const text = await registry.metrics();
  const ofManager = 'grpc_service="wsman.WorkspaceManager",grpc_method';
  expect(text).toMatch(new RegExp(`^grpc_client_started_total{[^}]*${ofManager}="Subscribe"} [1-9]$`, 'm'));
  expect(text).toMatch(
    new RegExp(`^grpc_client_handled_total{[^}]*${ofManager}="GetWorkspaces",grpc_code="OK"} [1-9]$`, 'm'),
  );
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
});

test('an attempt to write that fails is counted with the cluster and the type of its instance, and so is the next one', async () => {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  const registry = new Registry();
  let attempts = 0;
  const { mailboxes } = createPipeline({
    ...{ database, adoptUnknownInstances: true, prebuildReading: 'when-stopped', lifecycle: undefined },
    writing: {
      write: (work) => {
        attempts += 1;
        if (attempts === 1) return Promise.reject(new StewardError('unavailable', 'the database is away'));
        return database.write(work);
      },
    },
    ...{ mayPublish: () => false, publishers: [], world: realWorld(), logger: pino({ level: 'silent' }) },
    metrics: new BridgeMetrics(registry),
  });
  const update = acceptStatus('eu-1', statusOf({ id: 'i-1', version: 1n, phase: 'running' }), 0);
  if ('refused' in update) throw new Error(update.refused);
  mailboxes.accept(update, 'live');
  await mailboxes.settled();
  const text = await registry.metrics();
  const labels = 'workspace_cluster="eu-1",workspace_instance_type="regular"';
  const prefix = 'gitpod_ws_manager_bridge_workspace_instance_update';
  expect(text).toContain(`${prefix}_started_total{${labels}} 2\n`);
  expect(text).toContain(`${prefix}_completed_seconds_count{${labels},outcome="error"} 1\n`);
  expect(text).toContain(`${prefix}_completed_seconds_count{${labels},outcome="success"} 1\n`);
  const failures = 'steward_bridge_write_failures_total{code="unavailable",outcome="retried"} 1\n';
  expect(text).toContain(failures);
});

test('a row with a time that is none is brought up to date, and not counted where its time would be', async () => {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  await insertInstance(database, { id: 'i-1', region: 'eu-1', phase: 'pending' });
  await database.write((transaction) =>
    transaction('d_b_workspace_instance').update({ creationTime: 'yesterday' }),
  );
  const registry = new Registry();
  const lines: string[] = [];
  const { mailboxes } = createPipeline({
    ...{ database, adoptUnknownInstances: false, prebuildReading: 'when-stopped', lifecycle: undefined },
    ...{ writing: database, mayPublish: () => false, publishers: [], world: realWorld() },
    logger: pino({ level: 'warn' }, { write: (line) => lines.push(line) }),
    metrics: new BridgeMetrics(registry),
  });
  const update = acceptStatus('eu-1', statusOf({ id: 'i-1', version: 1n, phase: 'running' }), 0);
  if ('refused' in update) throw new Error(update.refused);
  mailboxes.accept(update, 'live');
  await mailboxes.settled();
  const text = await registry.metrics();
  expect(text).toMatch(/_instance_update_completed_seconds_count{[^}]*outcome="success"} 1\n/);
  expect(text).not.toContain('workspace_startup_time_count{');
  expect(lines).toEqual([]);
});
