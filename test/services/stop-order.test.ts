import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { emptyTables, PipelineHarness } from '../bridge/support/pipeline-harness.js';
import { openTestDatabase } from '../support/test-database.js';

const CREATED = '2026-01-01T00:00:00.000Z';

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

it('an order to stop waits for a server that moves its row on at the same moment, and then leaves it', async () => {
  await database.write((transaction) =>
    transaction('d_b_workspace_instance').insert({
      ...{ id: 'i', workspaceId: 'ws', region: '', creationTime: CREATED, ideUrl: '', workspaceImage: '' },
      ...{ status: statusIn('preparing'), phasePersisted: 'preparing' },
    }),
  );
  const harness = await PipelineHarness.start(database);
  await database.write(async (server) => {
    await server('d_b_workspace_instance')
      .where({ id: 'i' })
      .update({ status: statusIn('building'), phasePersisted: 'building' });
    harness.mailboxes.requestStop({
      ...{ instance: 'i', expectedVersion: 0n, expectedPhase: 'preparing', expectedRegion: '' },
      ...{ message: 'gone', requestedAt: 9_000 },
    });
    // The row is locked by the server: the order cannot have been carried out, nor given up.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(harness.mailboxes.depth).toBe(1);
    expect(harness.outcomes).toEqual([]);
  });
  await harness.settle();
  expect(await harness.row('i')).toMatchObject({ phasePersisted: 'building', stoppedTime: '' });
  expect([harness.outcomes.map(({ kind }) => kind), harness.failures]).toEqual([['skipped'], []]);
});

function statusIn(phase: string): string {
  return JSON.stringify({ version: 0, conditions: {}, phase });
}
