import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Alarm } from '../../src/bridge/cluster/alarm.js';
import { ControlLoop } from '../../src/bridge/cluster/control-loop.js';
import { type OpenRow, readOpenRows } from '../../src/bridge/cluster/open-rows.js';
import { StopGuard } from '../../src/bridge/cluster/stop-guard.js';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import type { Database } from '../../src/database/database.js';
import type { WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import { emptyTables, openMigrated, PipelineHarness } from '../bridge/support/pipeline-harness.js';
import { statusOf } from '../bridge/support/statuses.js';
import { isOnMysql } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());

const life = ['pending', 'creating', 'running', 'stopping', 'stopped'] as const;
const instances = ['i-0', 'i-1', 'i-2', 'i-3'];
const HOURS_MS = 2 * 3_600_000;

type Step =
  | { readonly kind: 'advance'; readonly instance: number; readonly isDelivered: boolean }
  /** The manager forgets it for good, or leaves it out of its next list. */
  | { readonly kind: 'vanish' | 'blink'; readonly instance: number }
  | { readonly kind: 'read-rows' | 'list' | 'settle' | 'wait' };

const instance = fc.nat(instances.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('advance' as const), instance, isDelivered: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('vanish' as const, 'blink' as const, 'blink' as const), instance }),
  fc.constantFrom(...(['read-rows', 'list', 'list', 'settle', 'wait'] as const)).map((kind) => ({ kind })),
);

/** A manager with lives under way, and a control loop beside the stream, both through one set of mailboxes. */
class Scenario {
  readonly harness: PipelineHarness;
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly vanished = new Set<string>();
  /** Lists in a row that lacked each instance; once it was two, the loop may have been right. */
  readonly #lacked = new Map<string, number>();
  readonly doubtful = new Set<string>();
  readonly #guard: StopGuard;
  readonly #loop: ControlLoop;
  readonly #blinking = new Set<string>();
  #version = 0n;
  #open: readonly OpenRow[] | undefined;

  constructor(harness: PipelineHarness) {
    this.harness = harness;
    const { graceSeconds, timeouts } = bridgeConfigSchema.parse({ databaseFile: 'x', listen: ['unix:/x'] });
    this.#guard = new StopGuard(new Alarm(harness.clock), 1, () => undefined);
    this.#loop = new ControlLoop({
      guard: this.#guard,
      clock: harness.clock,
      ...{ graceSeconds, timeouts, apartMs: 1 },
      requestStop: (stop) => harness.mailboxes.requestStop(stop),
    });
  }

  async apply(what: Step): Promise<void> {
    switch (what.kind) {
      case 'advance':
        this.#advance(instances[what.instance] ?? '', what.isDelivered);
        return;
      case 'vanish': {
        const id = instances[what.instance] ?? '';
        if (this.truth.delete(id)) this.vanished.add(id);
        return;
      }
      case 'blink':
        this.#blinking.add(instances[what.instance] ?? '');
        return;
      case 'read-rows':
        this.#open = await readOpenRows(database, 'local');
        return;
      case 'list':
        await this.list();
        return;
      case 'settle':
        await this.harness.settle();
        return;
      case 'wait':
        this.harness.clock.advance(HOURS_MS);
    }
  }

  /** With rows that were read before it, perhaps long before. */
  async list(): Promise<void> {
    const open = this.#open ?? (await readOpenRows(database, 'local'));
    this.#open = undefined;
    const listed = [...this.truth.values()].filter(({ id }) => !this.#blinking.has(id));
    this.#blinking.clear();
    const ids = new Set(listed.map(({ id }) => id));
    for (const id of instances) {
      const lacked = ids.has(id) ? 0 : (this.#lacked.get(id) ?? 0) + 1;
      this.#lacked.set(id, lacked);
      if (lacked > 1) this.doubtful.add(id);
    }
    for (const status of listed) this.harness.send(status, 'listed');
    this.#loop.review(open, ids);
    this.harness.clock.advance(1);
  }

  /** The manager's lists are right, nobody refuses, and time passes. */
  async settle(): Promise<void> {
    await this.harness.settle();
    for (let round = 0; round < 4; round += 1) {
      this.harness.clock.advance(HOURS_MS);
      this.#guard.resume();
      await this.list();
      await this.harness.settle();
    }
  }

  #advance(id: string, isDelivered: boolean): void {
    if (this.vanished.has(id)) return;
    const before = this.truth.get(id);
    const at = before === undefined ? 0 : Number(before.message) + 1;
    const phase = life[at];
    if (phase === undefined) return;
    this.#version += 1n;
    const status = statusOf({ id, version: this.#version, phase, message: `${at}` });
    this.truth.set(id, status);
    if (isDelivered || at === 0) this.harness.send(status);
  }
}

describe('the control loop beside the stream', () => {
  it('stops what two lists lacked and nothing else, whatever happens between rows, lists and updates', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await emptyTables(database);
        const scenario = new Scenario(await PipelineHarness.start(database));
        const stoppedByUs = async () =>
          (await scenario.harness.rows())
            .filter((row) => row.status.includes('does not know it'))
            .map((row) => row.id);
        for (const what of steps) {
          await scenario.apply(what);
          if (what.kind === 'settle') {
            for (const id of await stoppedByUs()) expect(scenario.doubtful).toContain(id);
          }
        }
        await scenario.settle();
        const wrongly = (await stoppedByUs()).filter((id) => !scenario.doubtful.has(id));
        expect(wrongly).toEqual([]);
        for (const row of await scenario.harness.rows()) {
          const truth = scenario.truth.get(row.id);
          if (truth === undefined) expect(row.phase).toBe('stopped');
          else if (!scenario.doubtful.has(row.id)) expect(row.phase).toBe(life[Number(truth.message)]);
          if (row.phase === 'stopped') {
            expect(row.stoppingTime <= row.stoppedTime && row.stoppedTime !== '').toBe(true);
          }
        }
      }),
      { numRuns: isOnMysql() ? 10 : 150 },
    );
  });
});
