import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { LIFECYCLE_CHANNEL } from '../../../src/bridge/channels.js';
import type { Database } from '../../../src/database/database.js';
import { emptyTables, openMigrated, PipelineHarness } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

async function lifeOf(tellsLives: boolean) {
  const harness = await PipelineHarness.start(database, undefined, { tellsLives });
  const about = { id: 'i', workspace: 'w', owner: 'u' };
  for (const [index, phase] of (
    ['pending', 'running', 'running', 'stopping', 'stopped', 'stopped'] as const
  ).entries()) {
    const told = { ...about, phase, version: BigInt(index + 1), failed: index > 3 ? 'token=abc' : '' };
    harness.send(statusOf({ ...told, message: String(index) }));
    await harness.settle();
    harness.clock.advance(1_000);
  }
  await harness.relay.flush();
  const events = harness.published.filter((event) => event.channel === LIFECYCLE_CHANNEL);
  return { row: await harness.row('i'), events: events.map((event) => JSON.parse(event.payload)) };
}

it('the beginning and the end of a life are told once each, without what programs have said', async () => {
  const { row, events } = await lifeOf(true);
  const ids = { instanceId: 'i', workspaceId: 'w' };
  expect(events).toEqual([
    {
      event: 'workspace_running',
      messageId: 'bridge-wsrun-i',
      userId: 'u',
      timestamp: row.startedTime,
      properties: ids,
    },
    {
      event: 'workspace_stopped',
      messageId: 'bridge-wsstopped-i',
      userId: 'u',
      timestamp: row.stoppedTime,
      properties: {
        ...ids,
        stoppingTime: row.stoppingTime,
        conditions: expect.objectContaining({ failed: true, timeout: false, deployed: false }),
        timeout: '30m0s',
      },
    },
  ]);
});

it('nothing is kept for nobody', async () => {
  expect((await lifeOf(false)).events).toEqual([]);
});
