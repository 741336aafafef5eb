import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { told, untruthOf, untruthOfPrebuild } from '../bridge/support/row-truth.js';
import { openTestDatabase } from '../support/test-database.js';
import type { PublishFault, WriteFault } from './support/bridge-life.js';
import { BridgeWorld, INSTANCES, PREBUILD, UNTOLD } from './support/bridge-world.js';

/** `STEWARD_INTERLEAVINGS=5000 npx vitest run --project property test/property/interleaved-bridge.test.ts` looks longer. */
const RUNS = Number(process.env['STEWARD_INTERLEAVINGS'] ?? 150);

type Step =
  | { kind: 'advance'; instance: string; delivery: 'once' | 'twice' | 'never' | 'late' }
  | { kind: 'forget' | 'write-beside' | 'delete-row'; instance: string }
  | { kind: 'deliver-late' | 'rewind' | 'list' | 'resume' | 'crash' | 'lose-lease' }
  | { kind: 'write-fault'; fault: WriteFault }
  | { kind: 'publish-fault'; fault: PublishFault }
  | { kind: 'wait'; ms: number }
  | { kind: 'proceed'; times: number };

const instance = fc.constantFrom(...INSTANCES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      ...{ kind: fc.constant('advance' as const), instance },
      delivery: fc.constantFrom(
        'once' as const,
        'once' as const,
        'twice' as const,
        'never' as const,
        'late' as const,
      ),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('proceed' as const), times: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(
        'deliver-late' as const,
        'rewind' as const,
        'list' as const,
        'list' as const,
        'resume' as const,
      )
      .map((kind) => ({ kind })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('crash' as const, 'lose-lease' as const).map((kind) => ({ kind })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write-fault' as const),
      fault: fc.constantFrom<WriteFault>('refused', 'unanswered', 'late'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('publish-fault' as const),
      fault: fc.constantFrom<PublishFault>('refused', 'unanswered'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('forget', 'write-beside', 'delete-row'), instance }),
  },
);

const TURNS_MAX = 2_000;

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

async function run(world: BridgeWorld, next: Step): Promise<void> {
  switch (next.kind) {
    case 'advance':
      return advance(world, next.instance, next.delivery);
    case 'forget':
      return world.forget(next.instance);
    case 'write-beside':
      return void world.writeBeside(next.instance);
    case 'delete-row':
      return void world.deleteRow(next.instance);
    case 'deliver-late':
      return world.deliverLate();
    case 'rewind':
      return world.rewind();
    case 'list':
      return world.life.list();
    case 'resume':
      return world.life.resume();
    case 'crash':
    case 'lose-lease':
      return replace(world, next.kind === 'crash');
    case 'write-fault':
      return void world.writeFaults.push(next.fault);
    case 'publish-fault':
      return void world.publishFaults.push(next.fault);
    case 'wait':
      return world.clock.advance(next.ms);
    case 'proceed':
      for (let time = 0; time < next.times; time += 1) await world.proceed();
  }
}

/** The lease waits for what the one before has sent to the database. */
async function replace(world: BridgeWorld, isKilled: boolean): Promise<void> {
  let isDone = false;
  const done = world.replace(isKilled).finally(() => {
    isDone = true;
  });
  for (let turn = 0; !isDone; turn += 1) {
    if (turn > TURNS_MAX) throw new Error('the lease is never given');
    await world.proceed();
  }
  await done;
}

function advance(world: BridgeWorld, id: string, delivery: 'once' | 'twice' | 'never' | 'late'): void {
  const status = world.advance(id);
  if (status === undefined || delivery === 'never') return;
  if (delivery === 'late') {
    world.keepForLater(status);
    return;
  }
  world.life.hear(status);
  if (delivery === 'twice') world.life.hear(status);
}

function expectTruth(world: BridgeWorld): void {
  for (const id of INSTANCES) {
    const row = world.seen.rows.get(id);
    const isAdopted = world.adopts && UNTOLD.includes(id);
    if (world.deleted.has(id) && !isAdopted) {
      expect(row, 'rule 5: a row that was removed').toBeUndefined();
      continue;
    }
    // Never heard of, or removed after it was adopted.
    if (isAdopted && row === undefined && (!world.truth.has(id) || world.deleted.has(id))) continue;
    const truth = world.truth.get(id);
    const status = JSON.parse(row?.status ?? '{}');
    if (truth === undefined) expect(row?.phase, `rule 9: ${id}`).toBe('stopped');
    else expect(untruthOf(row, truth)).toBeUndefined();
    if (world.writtenBeside.has(id) && !isAdopted)
      expect(status.conditions.neededImageBuild, `rule 5: ${id}`).toBe(true);
    if (world.mustHaveStarted.has(id)) expect(row?.startedTime, `rule 7: ${id}`).not.toBe('');
    if (row?.phase !== 'preparing') expect(world.known.get(id), `rule 6: ${id}`).toEqual(told(row));
  }
}

function expectPrebuild(world: BridgeWorld): void {
  if (world.deleted.has(PREBUILD)) return;
  const prebuild = world.seen.prebuilds.get(PREBUILD);
  const row = world.seen.rows.get(PREBUILD);
  if (row !== undefined && prebuild !== undefined) expect(untruthOfPrebuild(row, prebuild)).toBeUndefined();
  if (world.prebuildStates.length > 0) expect(world.prebuildStates.at(-1), 'rule 6').toBe(prebuild?.state);
  const firsts = [...new Set(world.prebuildStates)];
  expect(firsts).toEqual(['building', 'available', 'aborted'].filter((state) => firsts.includes(state)));
}

/** Each takes some 30 ms here, on a machine with much else to do ten times that. */
const RUN_MAX_MS = 1_000;
/** One that takes so long does not end: it fails, and tells what it was. */
const STUCK_MS = 60_000;

describe('the bridge under every order of messages, lists, commits, answers, crashes and losses of its lease', () => {
  it(
    'keeps the rules 1 to 9, 11, 13 and 14 of the compatible bridge, and after quiet says what is true',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.boolean(),
          fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
          async (scheduler, adopts, steps) => {
            const world = await BridgeWorld.create(database, scheduler, adopts);
            for (const next of steps) await run(world, next);
            await world.calm();
            world.life.kill();
            expect(world.broken).toEqual([]);
            expectTruth(world);
            expectPrebuild(world);
          },
        ),
        // A failure is made smaller for so long at most, and then told.
        { numRuns: RUNS, timeout: STUCK_MS, interruptAfterTimeLimit: (RUNS * RUN_MAX_MS) / 2 },
      );
    },
    RUNS * RUN_MAX_MS,
  );
});
