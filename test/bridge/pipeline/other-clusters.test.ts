import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import type { Database } from '../../../src/database/database.js';
import { insertInstance, stopOf } from '../support/instances.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';
import { toldPipeline } from '../support/told-pipeline.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const running = (version: bigint) => statusOf({ id: 'i', version, phase: 'running' });
const stopped = (version: bigint) => statusOf({ id: 'i', version, phase: 'stopped', failed: 'gave up' });

async function rowOf(region: string): Promise<PipelineHarness> {
  await insertInstance(database, { id: 'i', region, phase: 'pending' });
  return PipelineHarness.start(database, undefined, { isUnassigned: (name) => name === 'installation' });
}

async function phaseOf(harness: PipelineHarness): Promise<unknown> {
  const row = await harness.row('i');
  return [row.phase, versionIn(row)];
}

describe('a row of one cluster', () => {
  it('is left alone by the manager of another one, however new its version is', async () => {
    const harness = await rowOf('b');
    for (const [status, cluster] of [
      [running(500n), 'b'],
      [stopped(900_000n), 'a'],
      [stopped(900_001n), 'B'],
      [running(501n), 'b'],
    ] as const) {
      harness.send(status, 'live', cluster);
      await harness.settle();
    }
    expect(harness.outcomes.map(({ kind }) => kind)).toEqual(['written', 'foreign', 'foreign', 'skipped']);
    expect(await phaseOf(harness)).toEqual(['running', 501n]);
    expect((await harness.row('i')).stoppedTime).toBe('');
  });

  it('gets what its own manager says, of all that waits', async () => {
    const harness = await rowOf('b');
    harness.mailboxes.suspend();
    harness.send(running(900_000n), 'live', 'a');
    harness.send(running(500n), 'live', 'b');
    harness.send(stopped(900_001n), 'live', 'a');
    harness.send(running(499n), 'listed', 'b');
    expect(harness.outdated).toBe(1);
    harness.mailboxes.resume();
    await harness.settle();
    expect(await phaseOf(harness)).toEqual(['running', 500n]);
    expect(harness.outcomes.map(({ kind, told }) => [kind, told.length])).toEqual([['written', 1]]);
  });

  it('is stopped by an order, whatever the manager of another one says meanwhile', async () => {
    const harness = await rowOf('b');
    harness.mailboxes.suspend();
    harness.send(running(7n), 'live', 'a');
    harness.mailboxes.resume();
    await harness.settle();
    let isFirst = true;
    harness.beforeWrite = () => {
      if (isFirst) harness.send(running(8n), 'live', 'a');
      isFirst = false;
    };
    harness.mailboxes.requestStop(stopOf('i', 0n, { expectedPhase: 'pending', expectedRegion: 'b' }));
    await harness.settle();
    expect(await phaseOf(harness)).toEqual(['stopped', 0n]);
  });
});

describe('a row that no cluster has yet', () => {
  it('takes what any manager says, and of several the one that spoke last', async () => {
    const harness = await rowOf('installation');
    harness.mailboxes.suspend();
    harness.send(stopped(900_000n), 'live', 'a');
    harness.send(running(5n), 'live', 'b');
    harness.mailboxes.resume();
    await harness.settle();
    expect(await phaseOf(harness)).toEqual(['running', 5n]);
  });
});

it('what managers of other clusters say is counted, and told once of each instance', async () => {
  await insertInstance(database, { id: 'i', region: 'b', phase: 'pending' });
  const { mailboxes, clock, lines, valuesOf } = toldPipeline(database);
  for (const version of [1n, 2n]) {
    const update = acceptStatus('a', running(version), clock.now());
    if ('refused' in update) throw new Error(update.refused);
    mailboxes.accept(update, 'live');
    await mailboxes.settled();
  }
  expect(await valuesOf('steward_bridge_foreign_updates_total')).toEqual([
    { labels: { workspace_cluster: 'a' }, value: 2 },
  ]);
  expect(await valuesOf('gitpod_ws_manager_bridge_status_updates_total')).toEqual([]);
  expect(lines).toEqual([expect.stringMatching(/"region":"b".*an instance of another cluster/)]);
});
