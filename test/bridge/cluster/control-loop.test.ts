import { describe, expect, it } from 'vitest';
import type { RowPhase } from '../../../machines/phase-relation.js';
import { RESUMED_MS } from '../../../src/bridge/bounds.js';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { ControlLoop } from '../../../src/bridge/cluster/control-loop.js';
import type { OpenRow } from '../../../src/bridge/cluster/open-rows.js';
import { StopGuard } from '../../../src/bridge/cluster/stop-guard.js';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import { clusterNamed } from '../support/clusters.js';
import { ManualClock } from '../support/manual-clock.js';

const config = bridgeConfigSchema.parse({ databaseFile: 'x', listen: ['unix:/x'] });

function setUp() {
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('local'), clock);
  const stopped: StopRequest[] = [];
  const alarms: string[] = [];
  const guard = new StopGuard(link.alarm, config.stopShareMax, (reason) => alarms.push(reason));
  const loop = new ControlLoop({
    guard,
    clock,
    graceSeconds: config.graceSeconds,
    timeouts: config.timeouts,
    apartMs: 1,
    requestStop: (stop) => stopped.push(stop),
  });
  /** A list, a millisecond after whatever was before. */
  const review = (rows: readonly OpenRow[], instances: ReadonlySet<string>) => {
    clock.advance(1);
    loop.review(rows, instances);
  };
  const row = (instance: string, phase: RowPhase = 'running', version = 1n): OpenRow => ({
    instance,
    region: 'local',
    phase,
    version,
    creationTime: new Date(clock.now()).toISOString(),
    startedTime: '',
    stoppingTime: '',
  });
  return { clock, guard, link, loop, review, stopped, alarms, row };
}

const ids = (...names: string[]) => new Set(names);

describe('the control loop', () => {
  it('stops a row that two complete lists do not have', () => {
    const { review, row, stopped } = setUp();
    const rows = [row('a'), row('b'), row('c')];
    review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    review(rows, ids('b', 'c'));
    expect(stopped).toMatchObject([{ instance: 'a', expectedVersion: 1n }]);
  });

  it('waits for two lists in a row, with the row unchanged in between', () => {
    const { review, row, stopped } = setUp();
    const others = [row('b'), row('c')];
    review([row('a'), ...others], ids('b', 'c'));
    review([row('a'), ...others], ids('a', 'b', 'c'));
    review([row('a'), ...others], ids('b', 'c'));
    expect(stopped).toEqual([]);
    review([row('a', 'running', 2n), ...others], ids('b', 'c'));
    expect(stopped).toEqual([]);
    review([row('a', 'running', 2n), ...others], ids('b', 'c'));
    expect(stopped).toHaveLength(1);
  });

  it('takes lists that follow each other at once for one', () => {
    const { loop, review, row, stopped } = setUp();
    const rows = [row('a'), row('b'), row('c')];
    loop.review(rows, ids('b', 'c'));
    loop.review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    review(rows, ids('b', 'c'));
    expect(stopped).toHaveLength(1);
  });

  it.each([
    ['unknown', 600],
    ['preparing', 3_600],
    ['building', 3_600],
    ['pending', 3_600],
    ['creating', 3_600],
    ['initializing', 3_600],
    ['stopping', 3_600],
  ] as const)('gives a row that is %s its grace of %i s, and no more', (phase, seconds) => {
    const { clock, review, row, stopped } = setUp();
    const rows = [row('a', phase), row('b'), row('c')];
    review(rows, ids('b', 'c'));
    clock.advance(seconds * 1_000 - 3);
    review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    review(rows, ids('b', 'c'));
    expect(stopped).toHaveLength(1);
  });

  it('gives a row that was interrupted its grace from the first list that lacks it, however long it ran', () => {
    const { clock, review, row, stopped } = setUp();
    const rows = [row('a', 'interrupted'), row('b'), row('c')];
    clock.advance(2 * 3_600_000);
    review(rows, ids('b', 'c'));
    clock.advance(299_998);
    review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    review(rows, ids('b', 'c'));
    expect(stopped).toMatchObject([{ instance: 'a' }]);
  });

  it('gives it that grace anew once a list has it', () => {
    const { clock, review, row, stopped } = setUp();
    const rows = [row('a', 'interrupted'), row('b'), row('c')];
    review(rows, ids('b', 'c'));
    clock.advance(300_000);
    review(rows, ids('a', 'b', 'c'));
    review(rows, ids('b', 'c'));
    review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
  });

  it('goes on after an alarm until all are stopped, however many runs that takes', () => {
    const { guard, review, row, stopped } = setUp();
    const rows = Array.from({ length: 700 }, (_, index) => row(`i-${index}`));
    review(rows, ids());
    review(rows, ids());
    guard.resume();
    review(rows, ids());
    const rest = rows.filter(({ instance }) => !stopped.some((stop) => stop.instance === instance));
    expect(rest).not.toHaveLength(0);
    review(rest, ids());
    expect(stopped).toHaveLength(700);
  });

  it('stops nothing when the manager knows nothing at all, until somebody says so', () => {
    const { guard, link, review, row, stopped, alarms } = setUp();
    const rows = [row('a'), row('b')];
    for (let run = 0; run < 5; run += 1) review(rows, ids());
    expect(stopped).toEqual([]);
    expect(alarms).toHaveLength(1);
    expect(link.alarm.raised?.reason).toContain('no instance at all');
    guard.resume();
    expect(link.alarm.raised).toBeUndefined();
    review(rows, ids());
    expect(stopped.map((stop) => stop.instance)).toEqual(['a', 'b']);
    review([row('d')], ids());
    review([row('d')], ids());
    expect(stopped).toHaveLength(2);
  });

  it('takes no word beforehand: a resume without an alarm, or one that had nothing to do, lets nothing be stopped', () => {
    const { guard, link, review, row, stopped } = setUp();
    const rows = ['a', 'b', 'c'].map((id) => row(id));
    expect(guard.resume()).toBe(false);
    const emptyLists = () => {
      for (let run = 0; run < 2; run += 1) review(rows, ids());
    };
    emptyLists();
    expect(guard.resume()).toBe(true);
    review(rows, ids('a', 'b', 'c'));
    emptyLists();
    expect(stopped).toEqual([]);
    expect(link.alarm.raised?.reason).toContain('no instance at all');
  });

  it('forgets after minutes that it was resumed, when no list came', () => {
    const { clock, guard, link, review, row, stopped } = setUp();
    const rows = ['a', 'b', 'c'].map((id) => row(id));
    for (let run = 0; run < 2; run += 1) review(rows, ids());
    guard.resume();
    clock.advance(RESUMED_MS);
    review(rows, ids());
    expect([stopped, link.alarm.raised?.reason]).toEqual([[], expect.stringContaining('no instance at all')]);
    guard.resume();
    clock.advance(RESUMED_MS - 2);
    expect(guard.resume()).toBe(true);
    review(rows, ids());
    expect(stopped).toHaveLength(3);
  });

  it('stops nothing when it would be too much, and goes on by itself when the lists are plausible again', () => {
    const { link, review, row, stopped } = setUp();
    const rows = ['a', 'b', 'c', 'd', 'e'].map((id) => row(id));
    review(rows, ids('a', 'b'));
    review(rows, ids('a', 'b'));
    expect(stopped).toEqual([]);
    expect(link.alarm.raised?.reason).toContain('3 of 5');
    review(rows, ids('a', 'b', 'c', 'd'));
    expect(link.alarm.raised).toBeUndefined();
    expect(stopped.map((stop) => stop.instance)).toEqual(['e']);
  });
});
