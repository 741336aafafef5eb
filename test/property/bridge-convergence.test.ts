import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countEvents } from '../../src/bridge/outbox.js';
import type { Database } from '../../src/database/database.js';
import { StewardError } from '../../src/errors/steward-error.js';
import type { WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../bridge/support/pipeline-harness.js';
import { statusOf } from '../bridge/support/statuses.js';
import { isOnMysql } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());

/** What a life may look like; a manager shows some of its steps, in this order. */
const life = [
  'pending',
  'creating',
  'initializing',
  'running',
  'interrupted',
  'running',
  'stopping',
  'stopped',
] as const;
const instances = ['i-0', 'i-1', 'i-2'];

type Step =
  | { kind: 'advance'; instance: number; delivered: 'once' | 'twice' | 'never' | 'late' }
  | { kind: 'deliver-late' | 'rewind' | 'list' | 'settle' | 'publish' | 'crash' | 'lose-lease' }
  | { kind: 'fail-writes' | 'fail-publishing'; times: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      instance: fc.nat(instances.length - 1),
      delivered: fc.constantFrom('once' as const, 'twice' as const, 'never' as const, 'late' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(
        ...(['deliver-late', 'rewind', 'list', 'settle', 'publish', 'crash', 'lose-lease'] as const),
      )
      .map((kind) => ({ kind })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('fail-writes' as const, 'fail-publishing' as const),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
);

/** A manager with lives under way, and the bridge that follows it through crashes. */
class Scenario {
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly history: WorkspaceStatus[] = [];
  readonly #late: WorkspaceStatus[] = [];
  readonly #published: PipelineHarness['published'] = [];
  #version = 0n;
  #failWrites = 0;
  #failPublishing = 0;
  harness: PipelineHarness;

  static async start(): Promise<Scenario> {
    await emptyTables(database);
    return new Scenario(await PipelineHarness.start(database));
  }

  private constructor(harness: PipelineHarness) {
    this.harness = harness;
    this.#attach();
  }

  get published() {
    return [...this.#published, ...this.harness.published];
  }

  async run(next: Step): Promise<void> {
    this.harness.clock.advance(1);
    switch (next.kind) {
      case 'advance':
        return this.#advance(instances[next.instance] ?? '', next.delivered);
      case 'deliver-late':
        for (const status of this.#late.splice(0)) this.harness.send(status);
        return;
      case 'rewind':
        for (const status of this.history) this.harness.send(status);
        return;
      case 'list':
        return this.list();
      case 'settle':
        return this.harness.settle();
      case 'publish':
        await this.harness.relay.flush();
        return;
      case 'crash':
        return this.#restart();
      case 'lose-lease':
        // A second bridge starts while the first goes on: what the first still writes is refused.
        await this.#restart(false);
        return;
      case 'fail-writes':
        this.#failWrites += next.times;
        return;
      case 'fail-publishing':
        this.#failPublishing += next.times;
        return;
    }
  }

  list(): void {
    for (const status of this.truth.values()) this.harness.send(status, 'listed');
  }

  #advance(id: string, delivered: 'once' | 'twice' | 'never' | 'late'): void {
    const told = this.history.filter((status) => status.id === id).length;
    const phase = life[Math.min(told, life.length - 1)];
    this.#version += 1n;
    const status = statusOf({ id, version: this.#version, phase, message: `v${this.#version}` });
    this.truth.set(id, status);
    this.history.push(status);
    if (delivered === 'late') this.#late.push(status);
    if (delivered === 'once' || delivered === 'twice') this.harness.send(status);
    if (delivered === 'twice') this.harness.send(status);
  }

  async #restart(kill = true): Promise<void> {
    const old = this.harness;
    if (kill) old.mailboxes.halt();
    this.#published.push(...old.published);
    old.published.length = 0;
    this.harness = await PipelineHarness.start(database, old.clock);
    this.#attach();
    if (!kill) await old.settle();
  }

  #attach(): void {
    this.harness.beforeWrite = () => {
      this.#failWrites -= 1;
      if (this.#failWrites >= 0) throw new StewardError('unavailable', 'SQLITE_BUSY');
      this.#failWrites = 0;
    };
    this.harness.beforePublish = () => {
      this.#failPublishing -= 1;
      if (this.#failPublishing >= 0) throw new Error('not reachable');
      this.#failPublishing = 0;
    };
  }
}

describe('the pipeline under loss, repetition, rewinds, failures and crashes', () => {
  it('never lets a row fall back, publishes every change, and after quiet says what the manager says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const scenario = await Scenario.start();
        const times = new Map<string, string>();
        const versions = new Map<string, bigint>();
        for (const next of steps) {
          await scenario.run(next);
          for (const row of await scenario.harness.rows()) {
            expect(versionIn(row)).toBeGreaterThanOrEqual(versions.get(row.id) ?? 0n);
            versions.set(row.id, versionIn(row));
            for (const column of ['startedTime', 'stoppingTime', 'stoppedTime'] as const) {
              const key = `${row.id} ${column}`;
              expect(row[column]).toBe(times.get(key) || row[column]);
              times.set(key, row[column]);
            }
          }
        }
        const { harness } = scenario;
        scenario.list();
        await harness.settle();
        while (!(await harness.relay.flush())) harness.clock.advance(1);

        const rows = await harness.rows();
        expect(rows.map((row) => row.id)).toEqual([...scenario.truth.keys()].sort());
        for (const row of rows) {
          const truth = scenario.truth.get(row.id);
          expect([versionIn(row), JSON.parse(row.status).message]).toEqual([
            truth?.statusVersion,
            truth?.message,
          ]);
          if (row.startedTime !== '' && row.stoppingTime !== '') {
            expect(row.startedTime <= row.stoppingTime).toBe(true);
          }
          if (row.phase === 'stopped') expect(row.stoppingTime <= row.stoppedTime).toBe(true);
          expect((row.stoppedTime !== '') === (row.phase === 'stopped')).toBe(true);
          expect(scenario.published.some((event) => event.key === row.id)).toBe(true);
        }
        expect(await database.read(countEvents)).toBe(0);
        for (const id of instances) {
          const firsts = [...new Set(scenario.published.filter((e) => e.key === id).map((e) => e.sequence))];
          expect([...firsts].sort((a, b) => a - b)).toEqual(firsts);
        }
      }),
      { numRuns: isOnMysql() ? 10 : 200 },
    );
  });
});
