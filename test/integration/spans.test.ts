import { expect, it, onTestFinished } from 'vitest';
import { RealSystem } from '../cli/support/real-system.js';
import { SpanCollector } from '../support/span-collector.js';

it('the programs of a whole system tell one trace, when the environment names a collector', async () => {
  const collector = await SpanCollector.start();
  const system = await RealSystem.create({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  onTestFinished(() => system.remove());
  expect(await system.up()).toMatchObject({ ready: { ready: true } });
  expect(await system.steward('cluster', 'list')).toMatchObject({ code: 0 });
  expect(await system.down('SIGTERM')).toBe(0);

  const { spans, services } = collector;
  expect([...services].sort()).toEqual(expect.arrayContaining(['steward-bridge', 'steward-manager']));
  const turns = spans.filter(({ name }) => name === 'controlInstances');
  const asked = spans.filter(({ name }) => name === 'wsman.WorkspaceManager/GetWorkspaces');
  const turnOf = new Map(turns.map(({ spanId, traceId }) => [spanId, traceId]));
  expect(asked.length).toBeGreaterThan(0);
  for (const { parentSpanId, traceId } of asked) expect(turnOf.get(parentSpanId)).toBe(traceId);
  expect(spans.map(({ name }) => name)).toContain('workspacemanagerbridge.ClusterService/List');
});
