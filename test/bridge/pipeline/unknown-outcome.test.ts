import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
let harness: PipelineHarness;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(async () => {
  await emptyTables(database);
  harness = await PipelineHarness.start(database);
});

/** The connection is lost with the answer to the next commit. */
function loseNextAnswer(): void {
  harness.answer = () => {
    harness.answer = () => undefined;
    throw new StewardError('unavailable', 'The connection was lost.');
  };
}

const published = () => harness.published.map(({ key }) => key);

describe('a commit whose answer was lost', () => {
  it('is told all the same, by the relay that goes on', async () => {
    const stop = new AbortController();
    const relaying = harness.relay.run(stop.signal);
    harness.send(statusOf({ id: 'a', version: 1n, phase: 'running' }));
    await harness.settle();
    loseNextAnswer();
    harness.send(statusOf({ id: 'b', version: 1n, phase: 'running' }));
    await harness.settle();
    await expect.poll(published).toEqual(['a', 'b']);
    expect(versionIn(await harness.row('b'))).toBe(1n);
    stop.abort();
    await relaying;
  });

  it('is told before what came after it', async () => {
    const stop = new AbortController();
    const relaying = harness.relay.run(stop.signal);
    harness.send(statusOf({ id: 'b', version: 1n, phase: 'running' }));
    await expect.poll(published).toEqual(['b']);
    loseNextAnswer();
    harness.send(statusOf({ id: 'a', version: 1n, phase: 'pending' }));
    await expect.poll(() => harness.failures.length).toBe(1);
    harness.send(statusOf({ id: 'a', version: 2n, phase: 'running' }));
    await harness.settle();
    await expect.poll(() => new Set(harness.published.map(({ sequence }) => sequence)).size).toBe(3);
    const sequences = harness.published.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((one, other) => one - other));
    stop.abort();
    await relaying;
  });
});

describe('updates that came while a write failed', () => {
  it('leave no time of what contradicts the one that failed', async () => {
    harness.beforeWrite = () => {
      harness.beforeWrite = () => undefined;
      throw new StewardError('unavailable', 'busy');
    };
    harness.send(statusOf({ id: 'a', version: 1n, phase: 'interrupted' }));
    harness.send(statusOf({ id: 'a', version: 2n, phase: 'pending', deployed: true }));
    harness.send(statusOf({ id: 'a', version: 3n, phase: 'stopping' }));
    await harness.settle();
    expect(await harness.row('a')).toMatchObject({ phase: 'stopping', deployedTime: '' });
  });
});
