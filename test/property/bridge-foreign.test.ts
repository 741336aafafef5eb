import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RowPhase } from '../../machines/phase-relation.js';
import type { Database } from '../../src/database/database.js';
import { insertInstance } from '../bridge/support/instances.js';
import { emptyTables, openMigrated, PipelineHarness } from '../bridge/support/pipeline-harness.js';
import { statusOf } from '../bridge/support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());

interface Told {
  readonly cluster: 'own' | 'other' | 'third';
  readonly version: bigint;
  readonly phase: RowPhase | undefined;
  readonly failed: string;
  /** Whether what waits is written before the next one. */
  readonly isLast: boolean;
}

const told: fc.Arbitrary<Told> = fc.record({
  cluster: fc.constantFrom('own', 'own', 'other', 'third'),
  version: fc.bigInt(0n, 9n),
  phase: fc.constantFrom<RowPhase | undefined>(
    'pending',
    'running',
    'interrupted',
    'stopping',
    'stopped',
    undefined,
  ),
  failed: fc.constantFrom('', 'x'),
  isLast: fc.boolean(),
});

/** The row and the events of an instance of which all that is told. */
async function afterAllOf(updates: readonly Told[], isHeard: (update: Told) => boolean): Promise<unknown> {
  await emptyTables(database);
  await insertInstance(database, { id: 'i', region: 'own', phase: 'pending', version: 1n });
  const harness = await PipelineHarness.start(database);
  harness.mailboxes.suspend();
  for (const [index, update] of updates.entries()) {
    harness.clock.advance(1_000);
    if (isHeard(update)) harness.send(statusOf({ id: 'i', ...update }), 'live', update.cluster);
    if (!update.isLast && index < updates.length - 1) continue;
    harness.mailboxes.resume();
    await harness.settle();
    harness.mailboxes.suspend();
  }
  await harness.relay.flush();
  const { id, region, status, phasePersisted, startedTime, stoppingTime, stoppedTime } =
    await harness.row('i');
  const events = harness.published.map(({ payload }) => payload);
  return { id, region, status, phasePersisted, startedTime, stoppingTime, stoppedTime, events };
}

it('a row ends up as if the managers of other clusters had said nothing of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(told, { maxLength: 20 }), async (updates) => {
      const alone = await afterAllOf(updates, ({ cluster }) => cluster === 'own');
      expect(await afterAllOf(updates, () => true)).toEqual(alone);
    }),
    { numRuns: 50 },
  );
});
