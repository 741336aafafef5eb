import PQueue from 'p-queue';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeLease } from '../../../src/bridge/lease.js';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import { InstanceMailboxes } from '../../../src/bridge/pipeline/instance-mailboxes.js';
import type { Database } from '../../../src/database/database.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { stopOf } from '../support/instances.js';
import { steadyRandom } from '../support/manual-clock.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const busy = () => new StewardError('unavailable', 'SQLITE_BUSY');
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('instance mailboxes', () => {
  it('keep one update per instance while the database does not answer, and lose no time stamp', async () => {
    const harness = await PipelineHarness.start(database);
    let down = true;
    harness.beforeWrite = () => {
      if (down) throw busy();
    };
    const started = new Date(harness.clock.now()).toISOString();
    for (let version = 1n; version <= 500n; version += 1n) {
      harness.send(statusOf({ id: 'i', version, phase: version === 1n ? 'running' : 'interrupted' }));
    }
    harness.send(statusOf({ id: 'i', version: 501n, phase: 'stopped' }));
    await vi.waitFor(() => expect(harness.failures.length).toBeGreaterThan(0), { timeout: 15_000 });
    expect(harness.mailboxes.depth).toBe(1);
    harness.clock.advance(5_000);
    await turn();
    down = false;
    await harness.settle();
    const row = await harness.row('i');
    expect([row.phase, row.startedTime, versionIn(row)]).toEqual(['stopped', started, 501n]);
    expect(harness.failures.every((failure) => !failure.dropped)).toBe(true);
  });

  it('pause longer and longer, up to a limit', async () => {
    const harness = await PipelineHarness.start(database);
    const attempts: number[] = [];
    harness.beforeWrite = () => {
      attempts.push(harness.clock.now());
      if (attempts.length < 14) throw busy();
    };
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    while (attempts.length < 14) {
      await turn();
      harness.clock.advance(10);
    }
    await harness.settle();
    const pauses = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(pauses[0]).toBeLessThan(100);
    expect([...pauses].sort((a, b) => a - b)).toEqual(pauses);
    expect(pauses.at(-1)).toBeLessThanOrEqual(10_000);
    expect(pauses.at(-1)).toBeGreaterThan(5_000);
  });

  it('write many instances in few transactions, made of what waits', async () => {
    const harness = await PipelineHarness.start(database);
    const batches: number[] = [];
    harness.beforeWrite = (work) => {
      batches.push(work.length);
    };
    for (let index = 0; index < 450; index += 1) {
      harness.send(statusOf({ id: `i-${index}`, version: 1n, phase: 'running' }));
    }
    await harness.settle();
    expect(await harness.rows()).toHaveLength(450);
    expect(batches.length).toBeLessThanOrEqual(4);
    expect(Math.max(...batches)).toBeLessThanOrEqual(200);
  });

  it('let live updates pass those of a list', async () => {
    const harness = await PipelineHarness.start(database);
    const order: string[] = [];
    let company = 0;
    harness.beforeWrite = (work) => {
      order.push(...work.map((item) => item.instance));
      if (work.some((item) => item.instance === 'live')) company = work.length;
    };
    for (let index = 0; index < 600; index += 1) {
      harness.send(statusOf({ id: `listed-${index}`, version: 1n, phase: 'running' }), 'listed');
    }
    harness.send(statusOf({ id: 'live', version: 1n, phase: 'running' }), 'live');
    harness.send(statusOf({ id: 'listed-599', version: 2n, phase: 'stopping' }), 'live');
    await harness.settle();
    expect(order.indexOf('live')).toBeLessThan(250);
    expect(order.indexOf('listed-599')).toBeLessThan(250);
    // Its transaction is a short one.
    expect(company).toBeLessThanOrEqual(50);
  });

  it('keep the others going when the database refuses one instance, and give that one up after a while', async () => {
    const harness = await PipelineHarness.start(database);
    for (const id of ['good-1', 'bad', 'good-2'])
      harness.send(statusOf({ id, version: 1n, phase: 'running' }));
    await harness.settle();
    const triggers = {
      sqlite: "when new.id = 'bad' begin select raise(abort, 'refused'); end",
      mysql: "for each row if new.id = 'bad' then signal sqlstate '45000'; end if",
    };
    const trigger = `create trigger refuse before update on d_b_workspace_instance ${triggers[database.dialect.name]}`;
    await database.write((transaction) => transaction.raw(trigger));
    for (const id of ['good-1', 'bad', 'good-2'])
      harness.send(statusOf({ id, version: 2n, phase: 'stopped' }));
    await harness.settle();
    await database.write((transaction) => transaction.raw('drop trigger refuse'));
    const rows = await database.read((connection) =>
      connection('d_b_workspace_instance').orderBy('id').pluck('phasePersisted'),
    );
    expect(rows).toEqual(['running', 'stopped', 'stopped']);
    expect(harness.failures.filter((failure) => failure.dropped)).toHaveLength(1);
    expect(harness.mailboxes.depth).toBe(0);
  });

  it('make batches smaller while the connection is lost, as it is by one the database does not take', async () => {
    const harness = await PipelineHarness.start(database);
    const batches: number[] = [];
    harness.beforeWrite = (work) => {
      batches.push(work.length);
      if (work.length > 60) throw busy();
    };
    for (let index = 0; index < 300; index += 1) {
      harness.send(statusOf({ id: `i-${index}`, version: 1n, phase: 'running' }));
    }
    await harness.settle();
    expect(await harness.rows()).toHaveLength(300);
    expect(batches.length).toBeLessThan(30);
  });

  it('write nothing more once another bridge has taken over', async () => {
    const harness = await PipelineHarness.start(database);
    await takeLease(database, 'other', '2026-01-01T00:00:00.000Z');
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    harness.clock.advance(1_000);
    const { mailboxes } = harness;
    harness.send(statusOf({ id: 'j', version: 1n, phase: 'running' }));
    mailboxes.requestStop(stopOf('k', 0n));
    await turn();
    expect(await harness.rows()).toEqual([]);
    expect([harness.fenced, mailboxes.depth]).toEqual([1, 2]);
    mailboxes.forget(harness.clock.now());
    expect(mailboxes.depth).toBe(1);
  });

  it('write what they heard in between when this bridge is the writer again', async () => {
    const harness = await PipelineHarness.start(database);
    harness.mailboxes.suspend();
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    harness.clock.advance(1_000);
    harness.send(statusOf({ id: 'i', version: 2n, phase: 'stopped' }));
    await turn();
    expect(await harness.rows()).toEqual([]);
    harness.mailboxes.resume();
    await harness.settle();
    const row = await harness.row('i');
    expect([row.phase, row.startedTime < row.stoppedTime]).toEqual(['stopped', true]);
  });

  it('hold nothing for instances that nothing waits for', async () => {
    const harness = await PipelineHarness.start(database);
    for (let index = 0; index < 100; index += 1) {
      harness.send(statusOf({ id: `i-${index}`, version: 1n, phase: 'running' }));
    }
    expect(harness.mailboxes.depth).toBe(100);
    await harness.settle();
    expect([harness.mailboxes.depth, harness.mailboxes.oldestMs]).toEqual([0, 0]);
  });

  it('count what is no newer than what waits', async () => {
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'being-written', version: 1n, phase: 'running' }));
    harness.send(statusOf({ id: 'i', version: 9n, phase: 'running' }), 'listed');
    harness.send(statusOf({ id: 'i', version: 8n, phase: 'pending' }), 'listed');
    expect(harness.outdated).toBe(1);
    await harness.settle();
    expect(versionIn(await harness.row('i'))).toBe(9n);
  });

  it('take what is committed for written, whatever comes of counting it', async () => {
    const batches: string[][] = [];
    const broken: unknown[] = [];
    const harness = await PipelineHarness.start(database);
    const mailboxes = new InstanceMailboxes({
      ...{ databaseWork: new PQueue({ concurrency: 4 }), clock: harness.clock, random: steadyRandom },
      write: async (work) => {
        batches.push(work.map(({ instance }) => instance));
        return work.map(({ instance, waiting }) => {
          const none = { contradictory: 0, before: undefined, change: undefined, forced: false };
          return { ...none, instance, told: waiting, kind: 'unknown-instance' };
        });
      },
      observer: {
        outdated: () => undefined,
        settled: () => {
          throw new Error('not a number');
        },
        failed: () => batches.push(['failed']),
        fenced: () => undefined,
      },
      onObserverFailed: (thrown) => broken.push(thrown),
    });
    for (const id of ['a', 'b']) {
      const update = acceptStatus('c', statusOf({ id, version: 1n, phase: 'running' }), 0);
      if (!('refused' in update)) mailboxes.accept(update, 'live');
    }
    await mailboxes.settled();
    expect([batches.flat(), broken.length, mailboxes.depth]).toEqual([['a', 'b'], 2, 0]);
  });
});
