import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Alarm } from '../../src/bridge/cluster/alarm.js';
import { BridgeMetrics, registerGauges } from '../../src/bridge/metrics.js';
import { registerStorageGauges } from '../../src/bridge/storage-gauges.js';
import { LeaseKeeper } from '../../src/bridge/writing/lease-keeper.js';
import { openSqlite } from '../../src/database/database.js';
import { ManualClock } from './support/manual-clock.js';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const dashboard: { uid: string; panels: readonly Panel[] } = JSON.parse(
  read('deploy/grafana/steward-bridge.json'),
);

/** What a bridge serves. */
async function served(): Promise<ReadonlySet<string>> {
  const registry = new Registry();
  const clock = new ManualClock();
  const database = openSqlite(':memory:');
  new BridgeMetrics(registry);
  registerGauges(registry, {
    links: () => [],
    rowLoops: { unregistered: { alarm: new Alarm(clock) }, timeLimits: { alarm: new Alarm(clock) } },
    outbox: new Alarm(clock),
    depth: () => 0,
    oldestMs: () => 0,
    now: () => 0,
  });
  const ignore = () => undefined;
  const keeper = new LeaseKeeper({
    ...{ database, clock, mode: 'shared', holder: 'me', onGained: ignore, onLost: ignore },
    ...{ onRenewed: ignore, onWaited: ignore, onFailed: ignore },
  });
  registerStorageGauges(registry, database, keeper, () => 0);
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
  await database.close();
  return new Set(names);
}

const named = (text: string) =>
  [...text.matchAll(/\b(?:steward_bridge|gitpod|workspace_startup|first_user)_\w+/g)].map(([name]) =>
    name.replace(/_(bucket|count|sum)$/, ''),
  );

describe('the dashboard of the bridge', () => {
  it('names metrics that a bridge serves', async () => {
    const known = await served();
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(15);
    expect(expressions.filter((expr) => named(expr).length === 0)).toEqual([]);
    expect(expressions.flatMap(named).filter((name) => !known.has(name))).toEqual([]);
    expect(named(read('docs/operations.md')).filter((name) => !known.has(name))).toEqual([]);
  });

  it('has panels of their own that lie beside each other', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    for (const { targets } of panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });
});
