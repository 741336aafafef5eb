import fc from 'fast-check';
import { afterAll, beforeAll, describe, inject, it } from 'vitest';
import { DisturbedBridge } from './support/disturbed-bridge.js';
import { type Delivery, Lives } from './support/lives.js';

/** `STEWARD_FAULT_RUNS=200 npx vitest run --project services test/services/faults.test.ts` looks longer. */
const RUNS = Number(process.env['STEWARD_FAULT_RUNS'] ?? 6);
const SECONDS_EACH = 60;
const INSTANCES = 4;

type Place = 'manager' | 'database' | 'redis';
type Step =
  | { kind: 'advance'; instance: number; delivery: Delivery }
  | { kind: 'pause'; ms: number }
  | { kind: 'deliver-late' | 'rewind' | 'reverse' | 'stale-lists' | 'fresh-lists' }
  | { kind: 'cut-stream' | 'restart-manager' | 'restart-bridge' | 'look' }
  | { kind: 'cut' | 'refuse' | 'freeze' | 'heal'; place: Place }
  | { kind: 'lose-answer'; place: Place; number: number };

const place = fc.constantFrom<Place>('manager', 'database', 'redis');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      instance: fc.nat(INSTANCES - 1),
      delivery: fc.constantFrom<Delivery>('once', 'once', 'twice', 'never', 'late'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 1, max: 120 }) }),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(
        ...(['deliver-late', 'rewind', 'reverse', 'stale-lists', 'fresh-lists', 'cut-stream'] as const),
        ...(['restart-manager', 'look', 'look'] as const),
      )
      .map((kind) => ({ kind })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart-bridge' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('cut', 'refuse', 'freeze', 'heal', 'heal'), place }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('lose-answer' as const),
      place,
      number: fc.integer({ min: 1, max: 12 }),
    }),
  },
);

let site: DisturbedBridge;
beforeAll(async () => {
  site = await DisturbedBridge.start({ mysqlUrl: inject('mysqlUrl'), redisUrl: inject('redisUrl') });
});
afterAll(() => site.stop());

async function run(lives: Lives, next: Step): Promise<void> {
  switch (next.kind) {
    case 'advance':
      return lives.advance(next.instance, next.delivery);
    case 'pause':
      return pause(next.ms);
    case 'deliver-late':
      return lives.deliverLate();
    case 'rewind':
      return lives.rewind();
    case 'reverse':
      return lives.reverse();
    case 'stale-lists':
      return lives.staleLists();
    case 'fresh-lists':
      return lives.freshLists();
    case 'look':
      return lives.look();
    case 'cut-stream':
      return site.manager.cutStreams();
    case 'restart-manager':
      site.manager.stop();
      return site.manager.start();
    case 'restart-bridge':
      // In peace: what waits is written before it ends, and that needs the database.
      for (const proxy of site.proxies) proxy.heal();
      await site.end();
      return site.begin();
    default:
      return disturb(next);
  }
}

function disturb(next: Extract<Step, { place: Place }>): void {
  const proxy = { manager: site.managerProxy, database: site.databaseProxy, redis: site.redisProxy }[
    next.place
  ];
  if (next.kind === 'refuse') proxy.refuse();
  if (next.kind === 'refuse' || next.kind === 'cut') proxy.cut();
  if (next.kind === 'freeze') proxy.freeze();
  if (next.kind === 'heal') proxy.heal();
  if (next.kind === 'lose-answer') proxy.loseAnswer(next.number);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('the running bridge between a manager, a database and a Redis that are cut off, frozen and restarted', () => {
  it(
    'lets no row fall back, and after quiet rows and consumers know what the manager says',
    async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
          number += 1;
          const lives = await Lives.begin(site, `run${number}`, INSTANCES);
          for (const next of steps) await run(lives, next);
          await lives.converge();
          site.manager.truth.clear();
        }),
        // A smaller example would take as long as this one did.
        { numRuns: RUNS, endOnFailure: true },
      );
    },
    RUNS * SECONDS_EACH * 1_000,
  );
});
