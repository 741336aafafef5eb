import fc from 'fast-check';
import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Writing } from '../../src/bridge/clusters/writing.js';
import { ContentFeed } from '../../src/bridge/contents/content-feed.js';
import type { Database } from '../../src/database/database.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { FakeContents } from '../bridge/support/fake-contents.js';
import { steadyRandom } from '../bridge/support/manual-clock.js';
import { openMigrated } from '../bridge/support/pipeline-harness.js';
import { hastyWorld } from '../support/hasty-world.js';
import { isOnMysql } from '../support/test-database.js';

const STALL_MS = 600_000;
let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());

type Happening =
  | { readonly kind: 'step'; readonly node: number; readonly instance: number; readonly to: string }
  | { readonly kind: 'forget' | 'start-anew'; readonly node: number }
  | { readonly kind: 'cut' | 'restart' | 'refuse-writes' | 'lose-commit' | 'pass' };

const node = fc.nat(1);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('step' as const),
      node,
      instance: fc.nat(2),
      to: fc.constantFrom('settingUp', 'available', 'wrappingUp.backingUp', 'none', 'failed'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('forget' as const, 'start-anew' as const), node }),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(...(['cut', 'restart', 'refuse-writes', 'lose-commit', 'pass', 'pass'] as const))
      .map((kind) => ({ kind })),
  },
);

/** A cluster whose nodes work, forget and are cut off, and the bridge that keeps up with it over one table. */
class Scenario {
  readonly contents = new FakeContents();
  readonly #scheduler: fc.Scheduler;
  readonly #feed: ContentFeed;
  #fault: 'none' | 'before' | 'after' = 'none';
  #ending = new AbortController();
  #done: Promise<void>;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    this.contents.onList = () => scheduler.schedule(Promise.resolve(), 'list');
    const writing: Writing = { write: (work) => this.#write(work), refusal: () => undefined };
    this.#feed = new ContentFeed({
      ...{ cluster: 'eu', client: this.contents, database, writing, clock: hastyClock() },
      ...{ random: steadyRandom, stallMs: STALL_MS, onFailed: () => undefined },
    });
    this.#done = this.#feed.run(this.#ending.signal);
  }

  async happen(what: Happening): Promise<void> {
    switch (what.kind) {
      case 'step': {
        // An instance lives on one node.
        const instance = `i-${what.node}-${what.instance}`;
        this.contents.step({ node: `n-${what.node}`, instance, actor: 'content', to: what.to });
        return;
      }
      case 'forget':
        this.contents.forget(`n-${what.node}`, 0);
        return;
      case 'start-anew':
        await this.pass();
        this.contents.startAnew(`n-${what.node}`);
        await this.pass();
        return;
      case 'cut':
        this.contents.cut();
        return;
      case 'restart':
        await this.stop();
        this.#ending = new AbortController();
        this.#done = this.#feed.run(this.#ending.signal);
        return;
      case 'refuse-writes':
        this.#fault = 'before';
        return;
      case 'lose-commit':
        this.#fault = 'after';
        return;
      case 'pass':
        await this.pass();
    }
  }

  /** Lets a few things go on. */
  async pass(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#scheduler.count() > 0) await this.#scheduler.waitOne();
    }
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    let isOver = false;
    const over = this.#done.then(() => {
      isOver = true;
    });
    while (!isOver) await this.pass();
    await over;
  }

  /** Until the table says what is true, or it never will. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 300; turn += 1) {
      if (JSON.stringify(await this.table()) === JSON.stringify(this.truth())) return;
      await this.pass();
    }
  }

  truth(): readonly (readonly [string, string])[] {
    return [...this.contents.truth.values()]
      .map((step) => [step.instance, step.to] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async table(): Promise<readonly (readonly [string, string])[]> {
    const rows: { instanceId: string; step: string }[] = await database.read((connection) =>
      connection('steward_instance_content').orderBy('instanceId').select('instanceId', 'step'),
    );
    return rows.map(({ instanceId, step }) => [instanceId, step] as const);
  }

  async #write<Result>(work: (transaction: Knex.Transaction) => Promise<Result>): Promise<Result> {
    await this.#scheduler.schedule(Promise.resolve(), 'write');
    const fault = this.#fault;
    this.#fault = 'none';
    if (fault === 'before') throw new StewardError('unavailable', 'the database is away');
    const result = await database.write(work);
    if (fault === 'after') throw new StewardError('unavailable', 'the answer of the commit was lost');
    return result;
  }
}

/** Every pause is over at once, but for a silence that is too long. */
function hastyClock() {
  const { clock } = hastyWorld();
  const never = { cancel: () => undefined };
  const schedule = (at: number, callback: () => void) =>
    at - clock.now() >= STALL_MS / 2 ? never : clock.schedule(at, callback);
  return { ...clock, schedule };
}

describe('the table of what actors do', () => {
  it('says what is true once it is quiet, whatever was cut, forgotten, counted anew, refused or restarted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(happening, { maxLength: 40 }),
        async (scheduler, happenings) => {
          for (const table of ['steward_instance_content', 'steward_content_cursor']) {
            await database.write((transaction) => transaction(table).delete());
          }
          const scenario = new Scenario(scheduler);
          for (const what of happenings) await scenario.happen(what);
          await scenario.settle();
          expect(await scenario.table()).toEqual(scenario.truth());
          await scenario.stop();
        },
      ),
      { numRuns: isOnMysql() ? 10 : 200 },
    );
  });
});
