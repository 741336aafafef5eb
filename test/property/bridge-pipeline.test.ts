import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RowPhase } from '../../machines/phase-relation.js';
import type { Database } from '../../src/database/database.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { tableAllows } from '../bridge/support/phase-table.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../bridge/support/pipeline-harness.js';
import { statusOf } from '../bridge/support/statuses.js';
import { isOnMysql } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const instances = ['i-0', 'i-1', 'i-2'];
const told = [
  'pending',
  'creating',
  'initializing',
  'running',
  'interrupted',
  'stopping',
  'stopped',
] as const;

interface Update {
  readonly kind: 'update';
  readonly instance: number;
  readonly version: bigint;
  readonly phase: RowPhase | undefined;
  readonly deployed: boolean;
}
type Step = Update | { kind: 'settle' } | { kind: 'busy'; times: number } | { kind: 'later'; ms: number };

const updateWith = (phase: fc.Arbitrary<RowPhase | undefined>): fc.Arbitrary<Update> =>
  fc.record({
    kind: fc.constant('update' as const),
    instance: fc.nat(instances.length - 1),
    version: fc.oneof(
      fc.bigInt(0n, 12n),
      fc.bigInt(2n ** 53n, 2n ** 53n + 3n),
      fc.bigInt(2n ** 64n - 3n, 2n ** 64n - 1n),
    ),
    phase,
    deployed: fc.boolean(),
  });
const stepWith = (phase: fc.Arbitrary<RowPhase | undefined>): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 8, arbitrary: updateWith(phase) },
    { weight: 2, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
    { weight: 1, arbitrary: fc.nat(3).map<Step>((times) => ({ kind: 'busy', times })) },
    // Backwards too: the clock of a machine may step.
    {
      weight: 2,
      arbitrary: fc.integer({ min: -5_000, max: 60_000 }).map<Step>((ms) => ({ kind: 'later', ms })),
    },
  );

interface RowModel {
  readonly phase: string;
  readonly version: bigint;
  readonly started: boolean;
  readonly deployed: boolean;
  readonly stopping: boolean;
  readonly stopped: boolean;
}

const fresh: RowModel = {
  phase: 'preparing',
  version: 0n,
  started: false,
  deployed: false,
  stopping: false,
  stopped: false,
};

function isNewer(version: bigint, than: bigint): boolean {
  return version > than || (version === 0n && than === 0n);
}

/** A row after one update that is handled alone; undefined when it is dropped as contradictory. */
function applied(row: RowModel, next: Update): RowModel | undefined {
  if (!isNewer(next.version, row.version)) return row;
  if (next.phase !== undefined && !tableAllows(row.phase, next.phase)) return undefined;
  return {
    phase: next.phase ?? row.phase,
    version: next.version,
    deployed: row.deployed || next.deployed,
    started: row.started || next.phase === 'running',
    stopping: row.stopping || next.phase === 'stopping' || next.phase === 'stopped',
    stopped: row.stopped || next.phase === 'stopped',
  };
}

/**
 * What a row may be after a bridge handled each update alone, in order. Little is left free: an update that its
 * manager gave an older version than a contradictory one that waited together with it may be dropped too, and
 * where updates that waited together contradict each other, one without a phase and sightings may be lost.
 */
class Sequential {
  possible: readonly RowModel[] = [fresh];
  #contradicted = -1n;
  #phases: readonly RowPhase[] = [];
  #mixed = false;

  apply(next: Update): void {
    const older = this.#contradicted >= 0n && !isNewer(next.version, this.#contradicted);
    const mayDrop = older || next.phase === undefined;
    const { phase } = next;
    if (phase !== undefined) {
      this.#mixed ||= this.#phases.some((earlier) => !tableAllows(earlier, phase));
      this.#phases = [...this.#phases, phase];
    }
    const after = this.possible.flatMap((row) => {
      const changed = applied(row, next);
      if (changed === undefined && next.version > this.#contradicted) this.#contradicted = next.version;
      if (changed === undefined) return [row];
      const unseen = { ...changed, started: row.started, deployed: row.deployed };
      return [changed, ...(this.#mixed ? [unseen] : []), ...(mayDrop ? [row] : [])];
    });
    this.possible = [...new Map(after.map((row) => [Object.values(row).join(), row])).values()];
  }

  settle(): void {
    this.#contradicted = -1n;
    this.#phases = [];
    this.#mixed = false;
  }
}

describe('the instance pipeline', () => {
  it.each([
    ['every update tells a phase', fc.constantFrom<RowPhase>(...told)],
    ['some managers do not know', fc.option(fc.constantFrom<RowPhase>(...told), { nil: undefined })],
  ])(
    'leaves what handling updates alone and in order would leave, merged or retried: %s',
    async (_, phase) => {
      await fc.assert(
        fc.asyncProperty(fc.array(stepWith(phase), { maxLength: 40 }), async (steps) => {
          await emptyTables(database);
          const harness = await PipelineHarness.start(database);
          const model = new Map<string, Sequential>();
          let busy = 0;
          harness.beforeWrite = () => {
            if (busy === 0) return;
            busy -= 1;
            throw new StewardError('unavailable', 'busy');
          };
          for (const next of steps) {
            if (next.kind === 'settle') {
              await harness.settle();
              for (const row of model.values()) row.settle();
            } else if (next.kind === 'busy') busy += next.times;
            else if (next.kind === 'later') harness.clock.advance(next.ms);
            else {
              const id = instances[next.instance] ?? '';
              harness.send(
                statusOf({ id, version: next.version, phase: next.phase, deployed: next.deployed }),
              );
              const row = model.get(id) ?? new Sequential();
              model.set(id, row);
              row.apply(next);
            }
          }
          await harness.settle();
          const rows = await harness.rows();
          expect(rows.map((row) => row.id)).toEqual([...model.keys()].sort());
          for (const row of rows) {
            expect(model.get(row.id)?.possible).toContainEqual({
              phase: row.phase,
              version: versionIn(row),
              started: row.startedTime !== '',
              deployed: row.deployedTime !== '',
              stopping: row.stoppingTime !== '',
              stopped: row.stoppedTime !== '',
            });
            expect(row.phasePersisted).toBe(row.phase);
            if (row.stoppingTime !== '') expect(row.startedTime <= row.stoppingTime).toBe(true);
            if (row.stoppedTime !== '') expect(row.stoppingTime <= row.stoppedTime).toBe(true);
          }
          expect(harness.mailboxes.depth).toBe(0);
        }),
        { numRuns: isOnMysql() ? 15 : 300 },
      );
    },
  );
});
