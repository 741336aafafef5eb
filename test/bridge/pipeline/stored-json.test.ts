import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readOpenRows } from '../../../src/bridge/cluster/open-rows.js';
import type { Database } from '../../../src/database/database.js';
import { type PortSpec, WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { insertInstance, stopOf } from '../support/instances.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const INSTANCES = 'd_b_workspace_instance';
const METRICS = 'd_b_workspace_instance_metrics';

describe.each(['-1', '1.5', '"7"', '18446744073709551616', '99999999999999999999999'])(
  'a row with the version %s, which is none,',
  (version) => {
    beforeEach(async () => {
      await insertInstance(database, { id: 'i', region: 'local', phase: 'pending' });
      const status = `{"version":${version},"phase":"pending","conditions":{}}`;
      await database.write((transaction) => transaction(INSTANCES).update({ status }));
    });

    it('takes what its manager says', async () => {
      const harness = await PipelineHarness.start(database);
      harness.send(statusOf({ id: 'i', version: 5n, phase: 'running' }));
      await harness.settle();
      const row = await harness.row('i');
      expect([row.phase, versionIn(row), harness.failures]).toEqual(['running', 5n, []]);
    });

    it('can be stopped by who has read it', async () => {
      const harness = await PipelineHarness.start(database);
      const [open] = await readOpenRows(database, 'local');
      harness.mailboxes.requestStop(stopOf('i', open?.version ?? -1n, { expectedPhase: 'pending' }));
      await harness.settle();
      expect((await harness.row('i')).phase).toBe('stopped');
    });
  },
);

it('a status that a database with a type for JSON keeps in another order is no news', async () => {
  const harness = await PipelineHarness.start(database);
  const ports: Partial<PortSpec>[] = [{ port: 3000, url: 'https://a.example' }, { port: 22 }];
  const status = statusOf({ id: 'i', version: 1n, phase: 'running' });
  const metrics = { image: { totalSize: 5n, workspaceImageSize: 3n } };
  const git = { duration: { seconds: 1n, nanos: 0 }, size: 4n };
  const told = (version: bigint) =>
    WorkspaceStatus.fromPartial({
      ...status,
      ...{ statusVersion: version, spec: { ...status.spec, exposedPorts: ports } },
      ...{ metadata: { ...status.metadata, metrics }, initializerMetrics: { git } },
    });
  harness.send(told(1n));
  await harness.settle();
  const sortedAs = { _lastModified: '2026-01-01 00:00:00.000000' };
  const inOrder = async (table: string, column: string) => {
    const rows: Record<string, string>[] = await database.read((connection) =>
      connection(table).select(column),
    );
    const text = sorted(JSON.parse(rows[0]?.[column] ?? ''));
    await database.write((transaction) => transaction(table).update({ [column]: text, ...sortedAs }));
    return text;
  };
  await inOrder(INSTANCES, 'status');
  const kept = await inOrder(METRICS, 'metrics');
  harness.send(told(2n));
  await harness.settle();
  expect(harness.outcomes.map(({ kind }) => kind)).toEqual(['written', 'skipped']);
  const row: unknown = await database.read((connection) => connection(METRICS).first('metrics'));
  expect(row).toEqual({ metrics: kept });
});

/** As MySQL keeps objects: shorter names first, then by their bytes. */
function sorted(value: unknown): string {
  const order = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1);
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => order(a, b)))
      : each,
  );
}
