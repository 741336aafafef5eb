import { describe, expect, it, onTestFinished } from 'vitest';
import type { RowPhase } from '../../../machines/phase-relation.js';
import { Alarm } from '../../../src/bridge/cluster/alarm.js';
import { countOpenRows, readOpenRows } from '../../../src/bridge/cluster/open-rows.js';
import { RowLoop } from '../../../src/bridge/cluster/row-loop.js';
import { StopGuard } from '../../../src/bridge/cluster/stop-guard.js';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import { insertInstance } from '../support/instances.js';
import { ManualClock } from '../support/manual-clock.js';
import { openMigrated } from '../support/pipeline-harness.js';

const { timeouts, graceSeconds } = bridgeConfigSchema.parse({ databaseFile: 'x', listen: ['unix:/x'] });
const HOUR_MS = 3_600_000;

async function setUp(registered: readonly string[] | undefined = ['eu']) {
  const clock = new ManualClock();
  const database = await openMigrated();
  onTestFinished(() => database.close());
  const stopped: StopRequest[] = [];
  const alarms: string[] = [];
  const guard = () => new StopGuard(new Alarm(clock), 0.5, (reason) => alarms.push(reason));
  const guards = { unregistered: guard(), timeLimits: guard() };
  const loopOver = (clusters: readonly string[] | undefined) =>
    new RowLoop({
      ...{ database, clock, timeouts, graceSeconds, guards },
      writing: { refusal: () => undefined, write: (work) => database.write(work) },
      intervalMs: 60_000,
      installation: 'here',
      clusters: () => clusters,
      requestStop: (stop) => stopped.push(stop),
      onFailed: () => undefined,
    });
  const loop = loopOver(registered);
  const row = (
    id: string,
    region: string,
    phase: RowPhase,
    but: { version?: bigint; deleted?: boolean } = {},
  ) => insertInstance(database, { id, region, phase, createdAt: new Date(clock.now()), ...but });
  const ids = () => stopped.map(({ instance }) => instance).sort();
  return { clock, database, ...guards, alarms, loop, loopOver, row, stopped, ids };
}

describe('time limits of rows', () => {
  it.each([
    ['preparing', 3_600],
    ['building', 3_600],
    ['unknown', 600],
  ] as const)('stop a row that is %s after %i s, wherever it belongs', async (phase, seconds) => {
    const { clock, loop, row, ids, stopped } = await setUp();
    for (const id of ['x', 'y', 'z']) await row(id, 'eu', 'running');
    await row('a', 'eu', phase);
    await row('b', 'here', phase);
    await row('c', 'gone', phase);
    await row('gone-for-good', 'eu', phase, { deleted: true });
    clock.advance(seconds * 1_000 - 1);
    await loop.reviewLimits();
    expect(stopped).toEqual([]);
    clock.advance(1);
    await loop.reviewLimits();
    expect(ids()).toEqual(['a', 'b', 'c']);
    expect(stopped[0]?.message).toContain(`it was ${phase} for longer than ${seconds} s`);
  });

  it.each(['pending', 'creating', 'initializing', 'running', 'interrupted', 'stopping', 'stopped'] as const)(
    'leave a row that is %s to those who ask its manager',
    async (phase) => {
      const { clock, loop, row, stopped } = await setUp();
      await row('a', 'eu', phase);
      clock.advance(1_000 * HOUR_MS);
      await loop.reviewLimits();
      expect(stopped).toEqual([]);
    },
  );

  it('stop nothing when it would be too much at once, until somebody says so', async () => {
    const { alarms, clock, loop, row, ids, timeLimits, unregistered } = await setUp();
    for (const id of ['x', 'y']) await row(id, 'eu', 'running');
    for (const id of ['a', 'b', 'c']) await row(id, 'here', 'preparing');
    clock.advance(HOUR_MS);
    for (let run = 0; run < 3; run += 1) await loop.reviewLimits();
    expect(ids()).toEqual([]);
    expect(alarms).toEqual([timeLimits.alarm.raised?.reason]);
    expect(alarms[0]).toContain('3 of 5');
    unregistered.resume();
    await loop.reviewLimits();
    expect(ids()).toEqual([]);
    timeLimits.resume();
    expect(timeLimits.alarm.raised).toBeUndefined();
    await loop.reviewLimits();
    expect(ids()).toEqual(['a', 'b', 'c']);
    await loop.reviewLimits();
    expect(timeLimits.alarm.raised?.reason).toContain('3 of 5');
    expect(ids()).toHaveLength(3);
  });

  it('stop a few all the same, and go on by themselves when it is not too much any more', async () => {
    const { clock, loop, row, ids, timeLimits } = await setUp();
    await row('x', 'eu', 'running');
    await row('a', 'here', 'preparing');
    await row('b', 'here', 'building');
    clock.advance(HOUR_MS);
    await loop.reviewLimits();
    expect([ids(), timeLimits.alarm.raised?.reason]).toEqual([[], expect.stringContaining('2 of 3')]);
    await row('y', 'eu', 'running');
    await loop.reviewLimits();
    expect([ids(), timeLimits.alarm.raised]).toEqual([['a', 'b'], undefined]);
  });
});

describe('rows whose status has stopped and whose other column has not', () => {
  async function stoppedByStatus() {
    const rig = await setUp();
    const write = (id: string, status: string) =>
      rig.database.write((transaction) =>
        transaction('d_b_workspace_instance').where({ id }).update({ status }),
      );
    for (const id of ['a', 'b', 'c']) {
      await rig.row(id, 'gone', 'running');
      await write(id, '{"phase":"stopped","message":"its cluster is gone"}');
    }
    return { ...rig, write };
  }

  it('are not open: none is stopped again, none counts in the share that may be', async () => {
    const { alarms, clock, database, loop, row, ids } = await stoppedByStatus();
    await row('lost', 'gone', 'running');
    for (const id of ['x', 'y']) await row(id, 'eu', 'running');
    await loop.reviewUnregistered();
    clock.advance(HOUR_MS);
    await loop.reviewUnregistered();
    expect([ids(), alarms]).toEqual([['lost'], []]);
    expect(await countOpenRows(database)).toBe(3);
    expect((await readOpenRows(database, 'gone')).map(({ instance }) => instance)).toEqual(['lost']);
  });

  it('are brought in step, and no other', async () => {
    const { database, loop, row, write } = await stoppedByStatus();
    await row('x', 'eu', 'running');
    await write('c', '{"phase":"running"}');
    await loop.settlePhases();
    const rows = await database.read((connection) =>
      connection('d_b_workspace_instance').orderBy('id').select('id', 'phasePersisted'),
    );
    expect(rows.map((one) => `${one.id} ${one.phasePersisted}`)).toEqual([
      ...['a stopped', 'b stopped'],
      ...['c running', 'x running'],
    ]);
  });

  it('are left to their managers when the status is past the phases that have a limit', async () => {
    const { clock, loop, row, stopped, write } = await stoppedByStatus();
    await row('x', 'eu', 'preparing');
    await write('x', '{"phase":"running"}');
    clock.advance(10 * HOUR_MS);
    await loop.reviewLimits();
    expect(stopped).toEqual([]);
  });
});

describe('rows of clusters that are not registered', () => {
  it.each([
    'pending',
    'creating',
    'initializing',
    'running',
    'interrupted',
    'stopping',
    'preparing',
  ] as const)('are stopped when they are %s and their grace is over', async (phase) => {
    const { clock, loop, row, stopped } = await setUp();
    for (const id of ['x', 'y', 'z']) await row(id, 'eu', 'running');
    await row('a', 'gone', phase, { version: 7n });
    await loop.reviewUnregistered();
    clock.advance(HOUR_MS - 1);
    await loop.reviewUnregistered();
    expect(stopped).toEqual([]);
    clock.advance(1);
    await loop.reviewUnregistered();
    expect(stopped).toMatchObject([{ instance: 'a', expectedVersion: 7n }]);
    expect(stopped[0]?.message).toContain('"gone" is not registered');
  });

  it('have the whole grace from when their cluster was seen to be gone, however old they are', async () => {
    const { clock, loop, row, stopped } = await setUp();
    await row('x', 'eu', 'running');
    await row('a', 'gone', 'running');
    clock.advance(100 * HOUR_MS);
    await loop.reviewUnregistered();
    await loop.reviewUnregistered();
    expect(stopped).toEqual([]);
  });

  it('have no new grace from a bridge that takes over', async () => {
    const { clock, loop, loopOver, row, stopped } = await setUp();
    for (const id of ['x', 'y']) await row(id, 'eu', 'running');
    await row('a', 'gone', 'running');
    await loop.reviewUnregistered();
    clock.advance(HOUR_MS - 1);
    const next = loopOver(['eu']);
    await next.reviewUnregistered();
    await next.reviewUnregistered();
    expect(stopped).toEqual([]);
    clock.advance(1);
    const last = loopOver(['eu']);
    await last.reviewUnregistered();
    expect(stopped).toEqual([]);
    await last.reviewUnregistered();
    expect(stopped).toMatchObject([{ instance: 'a' }]);
  });

  it('have a new one when their cluster was registered in between', async () => {
    const { clock, loop, loopOver, row, stopped } = await setUp();
    for (const id of ['x', 'y']) await row(id, 'eu', 'running');
    await row('a', 'gone', 'running');
    await loop.reviewUnregistered();
    await loopOver(['eu', 'gone']).reviewUnregistered();
    clock.advance(HOUR_MS);
    await loop.reviewUnregistered();
    await loop.reviewUnregistered();
    expect(stopped).toEqual([]);
    clock.advance(HOUR_MS);
    await loop.reviewUnregistered();
    expect(stopped).toHaveLength(1);
  });

  it('are left alone when they change between two looks', async () => {
    const { clock, database, loop, row, stopped } = await setUp();
    for (const id of ['x', 'y']) await row(id, 'eu', 'running');
    await row('a', 'gone', 'running', { version: 1n });
    await loop.reviewUnregistered();
    clock.advance(2 * HOUR_MS);
    await database.write((transaction) =>
      transaction('d_b_workspace_instance')
        .where({ id: 'a' })
        .update({ status: '{"version":2,"phase":"running"}' }),
    );
    await loop.reviewUnregistered();
    expect(stopped).toEqual([]);
    await loop.reviewUnregistered();
    expect(stopped).toMatchObject([{ instance: 'a', expectedVersion: 2n }]);
  });

  it('are not those that the installation itself prepares, nor any before the clusters are known', async () => {
    const { clock, loop, row, stopped } = await setUp();
    await row('a', 'here', 'preparing');
    clock.advance(2 * HOUR_MS);
    await loop.reviewUnregistered();
    clock.advance(2 * HOUR_MS);
    await loop.reviewUnregistered();
    const starting = await setUp(undefined);
    await starting.row('b', 'eu', 'running');
    for (let run = 0; run < 3; run += 1) {
      await starting.loop.reviewUnregistered();
      starting.clock.advance(2 * HOUR_MS);
    }
    expect([...stopped, ...starting.stopped]).toEqual([]);
  });

  it('are not stopped all at once when no cluster is registered any more, until somebody says so', async () => {
    const { alarms, clock, loop, row, ids, unregistered } = await setUp([]);
    for (const id of ['a', 'b', 'c']) await row(id, 'eu', 'running');
    for (let run = 0; run < 3; run += 1) {
      await loop.reviewUnregistered();
      clock.advance(HOUR_MS);
    }
    expect(ids()).toEqual([]);
    const { alarm } = unregistered;
    expect(alarms).toEqual([alarm.raised?.reason]);
    expect(alarm.raised?.reason).toContain('3 of 3');
    unregistered.resume();
    await loop.reviewUnregistered();
    expect(ids()).toEqual(['a', 'b', 'c']);
    expect(alarm.raised).toBeUndefined();
  });
});
