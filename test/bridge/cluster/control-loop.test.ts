import { describe, expect, it } from 'vitest';
import type { RowPhase } from '../../../machines/phase-relation.js';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { ControlLoop } from '../../../src/bridge/cluster/control-loop.js';
import type { OpenRow } from '../../../src/bridge/cluster/open-rows.js';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import { ManualClock } from '../support/manual-clock.js';

const config = bridgeConfigSchema.parse({
  databaseFile: 'x',
  listen: ['unix:/x'],
  clusters: [{ name: 'local', url: 'unix:/y' }],
});

function setUp() {
  const clock = new ManualClock();
  const [cluster] = config.clusters;
  if (cluster === undefined) throw new Error('the configuration has a cluster');
  const link = new ClusterLink(cluster, clock);
  const stopped: StopRequest[] = [];
  const alarms: string[] = [];
  const loop = new ControlLoop({
    cluster: 'local',
    link,
    clock,
    graceSeconds: config.graceSeconds,
    stopShareMax: config.stopShareMax,
    requestStop: (stop) => stopped.push(stop),
    onAlarm: (reason) => alarms.push(reason),
  });
  const row = (instance: string, phase: RowPhase = 'running', version = 1n): OpenRow => ({
    instance,
    phase,
    version,
    creationTime: new Date(clock.now()).toISOString(),
    startedTime: '',
    stoppingTime: '',
  });
  return { clock, link, loop, stopped, alarms, row };
}

const ids = (...names: string[]) => new Set(names);

describe('the control loop', () => {
  it('stops a row that two complete lists do not have', () => {
    const { loop, row, stopped } = setUp();
    const rows = [row('a'), row('b'), row('c')];
    loop.review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    loop.review(rows, ids('b', 'c'));
    expect(stopped).toMatchObject([{ instance: 'a', expectedVersion: 1n }]);
  });

  it('waits for two lists in a row, with the row unchanged in between', () => {
    const { loop, row, stopped } = setUp();
    const others = [row('b'), row('c')];
    loop.review([row('a'), ...others], ids('b', 'c'));
    loop.review([row('a'), ...others], ids('a', 'b', 'c'));
    loop.review([row('a'), ...others], ids('b', 'c'));
    expect(stopped).toEqual([]);
    loop.review([row('a', 'running', 2n), ...others], ids('b', 'c'));
    expect(stopped).toEqual([]);
    loop.review([row('a', 'running', 2n), ...others], ids('b', 'c'));
    expect(stopped).toHaveLength(1);
  });

  it.each([
    'unknown',
    'preparing',
    'building',
    'pending',
    'creating',
    'initializing',
    'interrupted',
    'stopping',
  ] as const)('gives a row that is %s its grace, and no more', (phase) => {
    const { clock, loop, row, stopped } = setUp();
    const rows = [row('a', phase), row('b'), row('c')];
    loop.review(rows, ids('b', 'c'));
    loop.review(rows, ids('b', 'c'));
    clock.advance(config.graceSeconds[phase] * 1_000 - 1);
    loop.review(rows, ids('b', 'c'));
    expect(stopped).toEqual([]);
    clock.advance(1);
    loop.review(rows, ids('b', 'c'));
    expect(stopped).toHaveLength(1);
  });

  it('stops nothing when the manager knows nothing at all, until somebody says so', () => {
    const { link, loop, row, stopped, alarms } = setUp();
    const rows = [row('a'), row('b')];
    for (let run = 0; run < 5; run += 1) loop.review(rows, ids());
    expect(stopped).toEqual([]);
    expect(alarms).toHaveLength(1);
    expect(link.alarm?.reason).toContain('no instance at all');
    loop.resume();
    expect(link.alarm).toBeUndefined();
    loop.review(rows, ids());
    expect(stopped.map((stop) => stop.instance)).toEqual(['a', 'b']);
    loop.review([row('d')], ids());
    loop.review([row('d')], ids());
    expect(stopped).toHaveLength(2);
  });

  it('stops nothing when it would be too much, and goes on by itself when the lists are plausible again', () => {
    const { link, loop, row, stopped } = setUp();
    const rows = ['a', 'b', 'c', 'd', 'e'].map((id) => row(id));
    loop.review(rows, ids('a', 'b'));
    loop.review(rows, ids('a', 'b'));
    expect(stopped).toEqual([]);
    expect(link.alarm?.reason).toContain('3 of 5');
    loop.review(rows, ids('a', 'b', 'c', 'd'));
    expect(link.alarm).toBeUndefined();
    expect(stopped.map((stop) => stop.instance)).toEqual(['e']);
  });
});
