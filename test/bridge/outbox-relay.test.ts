import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { appendEvents, countEvents, oldestEvents, removeEvents } from '../../src/bridge/outbox.js';
import type { Database } from '../../src/database/database.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { isOnMysql } from '../support/test-database.js';
import { emptyTables, openMigrated, PipelineHarness } from './support/pipeline-harness.js';
import { statusOf } from './support/statuses.js';

const patience = { timeout: 15_000, interval: 10 };
let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const phases = ['pending', 'running', 'stopped'] as const;

async function live(harness: PipelineHarness, id: string): Promise<void> {
  for (const [index, phase] of phases.entries()) {
    harness.send(statusOf({ id, version: BigInt(index + 1), phase }));
    await harness.settle();
  }
}

describe('the outbox relay', () => {
  it('publishes in the order of commits, after the commit, and removes what is published', async () => {
    const harness = await PipelineHarness.start(database);
    const seen: string[] = [];
    harness.beforePublish = async (event) => {
      seen.push((await harness.row(event.key)).phase);
    };
    await live(harness, 'i');
    await live(harness, 'j');
    expect(await harness.relay.flush()).toBe(true);
    for (const id of ['i', 'j']) {
      const sequences = harness.published.filter(({ key }) => key === id).map(({ sequence }) => sequence);
      expect(sequences).toHaveLength(3);
      expect([...sequences].sort((a, b) => a - b)).toEqual(sequences);
    }
    expect(seen).toEqual(Array(6).fill('stopped'));
    expect(await database.read(countEvents)).toBe(0);
  });

  it('keeps what cannot be published, in order, and goes on with other instances', async () => {
    const harness = await PipelineHarness.start(database);
    await live(harness, 'i');
    await live(harness, 'j');
    let failing = true;
    harness.beforePublish = (event) => {
      if (failing && event.key === 'i') throw new Error('no listener');
    };
    expect(await harness.relay.flush()).toBe(false);
    expect(harness.published.map((event) => event.key)).toEqual(['j', 'j', 'j']);
    failing = false;
    expect(await harness.relay.flush()).toBe(true);
    const ours = harness.published.filter((event) => event.key === 'i').map((event) => event.sequence);
    expect(ours).toHaveLength(3);
    expect([...ours].sort((a, b) => a - b)).toEqual(ours);
  });

  it('publishes what was left over when it starts, wakes on a commit, and tries again after failures', async () => {
    const before = await PipelineHarness.start(database);
    await live(before, 'i');
    const harness = await PipelineHarness.start(database, before.clock);
    let failures = 2;
    harness.beforePublish = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('not yet');
    };
    const controller = new AbortController();
    const running = harness.relay.run(controller.signal);
    await vi.waitFor(
      () => {
        harness.clock.advance(60_000);
        expect(harness.published).toHaveLength(3);
      },
      { timeout: 15_000 },
    );
    await live(harness, 'j');
    await vi.waitFor(
      async () => {
        harness.clock.advance(1_000);
        expect(harness.published).toHaveLength(6);
        expect(await database.read(countEvents)).toBe(0);
      },
      { timeout: 15_000 },
    );
    controller.abort();
    await running;
  });

  it('removes what it is told and nothing between', async () => {
    const harness = await PipelineHarness.start(database);
    const now = new Date(harness.clock.now()).toISOString();
    const events = ['a', 'b', 'c', 'd', 'e'].map((instance) => ({ instance, channel: 'c', payload: '{}' }));
    const added = await database.write((transaction) =>
      appendEvents(transaction, database.dialect, events, now),
    );
    const [a, , c, d] = added.map(({ sequence }) => sequence);
    const gone = [d, a, c].flatMap((sequence) => sequence ?? []);
    await database.write((transaction) => removeEvents(transaction, gone));
    const left = await database.read((connection) => oldestEvents(connection));
    expect(left.map(({ key }) => key)).toEqual(['b', 'e']);
  });

  it('knows the numbers of what was committed, also where the server counts in steps', async () => {
    const harness = await PipelineHarness.start(database);
    const now = new Date(harness.clock.now()).toISOString();
    const commit = (...instances: string[]) =>
      database.write(async (transaction) => {
        // As one of three primaries does.
        if (isOnMysql()) await transaction.raw('set session auto_increment_increment = 3');
        const events = instances.map((instance) => ({
          instance,
          channel: 'c',
          payload: `{"it's":"${instance}\\\\"}`,
        }));
        return appendEvents(transaction, database.dialect, events, now);
      });
    await harness.relay.flush();
    const [one] = await commit('first');
    const events = await commit('a', 'b', 'c', 'd');
    expect(await database.read((connection) => oldestEvents(connection))).toEqual([one, ...events]);
    let refused = false;
    harness.beforePublish = ({ key }) => {
      if (key !== 'b' || refused) return;
      refused = true;
      throw new Error('not yet');
    };
    const controller = new AbortController();
    const running = harness.relay.run(controller.signal);
    harness.relay.offer([...(one === undefined ? [] : [one]), ...events]);
    await vi.waitFor(
      async () => {
        harness.clock.advance(60_000);
        expect(harness.published.map(({ key }) => key)).toEqual(
          expect.arrayContaining(['a', 'b', 'c', 'd', 'first']),
        );
        expect(await database.read(countEvents)).toBe(0);
      },
      { timeout: 15_000 },
    );
    controller.abort();
    await running;
  });

  it('goes on with others while the events of one instance are refused', async () => {
    const harness = await PipelineHarness.start(database);
    let refused = 0;
    let isRefusing = true;
    harness.beforePublish = ({ key }) => {
      if (key !== 'i' || !isRefusing) return;
      refused += 1;
      throw new Error('not this one');
    };
    const relaying = relayed(harness);
    await commit(harness, 'c', 'i', 'j');
    await vi.waitFor(() => expect(refused).toBe(1), patience);
    // No time passes.
    await commit(harness, 'c', 'i', 'j', 'k');
    await vi.waitFor(
      () => expect(harness.published.map(({ key }) => key)).toEqual(['j', 'j', 'k']),
      patience,
    );
    expect(refused).toBe(1);
    harness.clock.advance(10_000);
    await vi.waitFor(() => expect(refused).toBe(2), patience);
    isRefusing = false;
    await commit(harness, 'c', 'i');
    await emptied(harness);
    const ours = harness.published.filter(({ key }) => key === 'i').map(({ sequence }) => sequence);
    expect(ours).toEqual([...new Set(ours)].sort((a, b) => a - b));
    expect(ours).toHaveLength(3);
    await relaying.end();
  });

  it('goes on with other channels while one is refused, to however many instances its events belong', async () => {
    const harness = await PipelineHarness.start(database);
    const instances = Array.from({ length: 150 }, (_, index) => `i-${index}`);
    let isRefusing = true;
    harness.beforePublish = ({ channel }) => {
      if (channel === 'refused' && isRefusing) throw new StewardError('permission-denied', 'not there');
    };
    const relaying = relayed(harness);
    await commit(harness, 'refused', ...instances);
    await commit(harness, 'open', ...instances);
    await vi.waitFor(() => expect(harness.published).toHaveLength(150), patience);
    harness.clock.advance(10_000);
    await commit(harness, 'open', ...instances);
    await vi.waitFor(() => expect(harness.published).toHaveLength(300), patience);
    isRefusing = false;
    await commit(harness, 'refused', ...instances);
    await emptied(harness);
    expect(harness.published.filter(({ channel }) => channel === 'refused')).toHaveLength(300);
    expect(harness.published).toHaveLength(600);
    await relaying.end();
  });
});

/** Runs the relay until it is told to end. */
function relayed({ relay }: PipelineHarness) {
  const controller = new AbortController();
  const running = relay.run(controller.signal);
  return {
    end: async () => {
      controller.abort();
      await running;
    },
  };
}

async function commit(
  { relay, clock }: PipelineHarness,
  channel: string,
  ...instances: string[]
): Promise<void> {
  const events = instances.map((instance) => ({ instance, channel, payload: '{}' }));
  const now = new Date(clock.now()).toISOString();
  relay.offer(
    await database.write((transaction) => appendEvents(transaction, database.dialect, events, now)),
  );
}

async function emptied({ clock }: PipelineHarness): Promise<void> {
  await vi.waitFor(async () => {
    clock.advance(60_000);
    expect(await database.read(countEvents)).toBe(0);
  }, patience);
}
