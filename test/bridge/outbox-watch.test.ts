import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Alarm } from '../../src/bridge/cluster/alarm.js';
import { appendEvents } from '../../src/bridge/outbox.js';
import { OutboxWatch } from '../../src/bridge/outbox-watch.js';
import type { Database } from '../../src/database/database.js';
import { ManualClock } from './support/manual-clock.js';
import { emptyTables, openMigrated } from './support/pipeline-harness.js';

const MINUTE_MS = 60_000;
/** Rows of one INSERT, so that it stays one that a database takes. */
const INSERTED = 500;

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

function setUp() {
  const clock = new ManualClock();
  const alarm = new Alarm(clock);
  const told: string[] = [];
  let isWriter = true;
  const watch = new OutboxWatch({
    ...{ database, clock, alarm },
    isWriter: () => isWriter,
    onAlarm: (reason) => told.push(reason),
    onOver: () => told.push('over'),
    onFailed: (error) => told.push(error.message),
  });
  const commit = async (events: number) => {
    const now = new Date(clock.now()).toISOString();
    for (let left = events; left > 0; left -= INSERTED) {
      const some = Array.from({ length: Math.min(left, INSERTED) }, () => ({
        ...{ instance: 'i', channel: 'c', payload: '{}' },
      }));
      await database.write((transaction) => appendEvents(transaction, database.dialect, some, now));
    }
  };
  const standBy = () => {
    isWriter = false;
  };
  return { clock, alarm, told, watch, commit, standBy };
}

it('says when events are not published for too long, again while that lasts, and when it is over', async () => {
  const { clock, alarm, told, watch, commit } = setUp();
  await commit(3);
  clock.advance(MINUTE_MS);
  await watch.look();
  expect(told).toEqual([]);
  clock.advance(1_000);
  await watch.look();
  expect(told).toEqual([alarm.raised?.reason]);
  expect(told[0]).toContain('3 events are not published, the oldest for 61 s');
  clock.advance(MINUTE_MS);
  await watch.look();
  expect(told).toHaveLength(1);
  expect(alarm.raised?.reason).toContain('for 121 s');
  clock.advance(10 * MINUTE_MS);
  await watch.look();
  expect(told).toEqual([told[0], expect.stringContaining('for 721 s')]);
  await emptyTables(database);
  await watch.look();
  expect([told[2], alarm.raised]).toEqual(['over', undefined]);
  await watch.look();
  expect(told).toHaveLength(3);
});

it('says when there are too many, not when they were only many for a moment', async () => {
  const { alarm, told, watch, commit } = setUp();
  await commit(10_001);
  await watch.look();
  expect(told).toEqual([]);
  await watch.look();
  expect(told).toEqual([alarm.raised?.reason]);
  expect(told[0]).toContain('more than 10000 events');
});

it('leaves it to the bridge that publishes', async () => {
  const { clock, alarm, told, watch, commit, standBy } = setUp();
  await commit(1);
  clock.advance(2 * MINUTE_MS);
  await watch.look();
  expect(alarm.raised).toBeDefined();
  standBy();
  await watch.look();
  expect([alarm.raised, told]).toEqual([undefined, [expect.stringContaining('1 event is')]]);
});
