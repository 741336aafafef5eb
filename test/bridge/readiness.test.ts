import { expect, it } from 'vitest';
import { Alarm } from '../../src/bridge/cluster/alarm.js';
import { ClusterLink } from '../../src/bridge/cluster/cluster-link.js';
import { BridgeReadiness } from '../../src/bridge/readiness.js';
import { clusterNamed } from './support/clusters.js';
import { ManualClock } from './support/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('eu-1'), clock);
  const outbox = new Alarm(clock);
  const readiness = new BridgeReadiness({
    keeper: { lease: { token: 1, holder: 'me' }, mode: 'shared', since: 0, isCertain: true, heldBy: '' },
    links: () => [link],
    ...{ outbox, clock, maxDisconnectSeconds: 150 },
  });
  link.streamStarted();
  link.listed(0);
  const told = () => readiness.conditions().map(({ name, ready, message }) => [name, ready, message]);
  return { clock, link, outbox, told };
}

const well = [
  ['writer', true, ''],
  ['manager-stream:eu-1', true, ''],
];

it('ends while the stream of a cluster is dead for longer than its limit', () => {
  const { clock, link, told } = setUp();
  expect(told()).toEqual(well);
  link.streamEnded(undefined);
  clock.advance(150_000);
  expect(told()).toEqual(well);
  clock.advance(1);
  expect(told().map(([name, ready]) => [name, ready])).toEqual([
    ['writer', true],
    ['manager-stream:eu-1', false],
  ]);
});

it('goes on, and tells, while versions have fallen or the outbox does not empty', () => {
  const { link, outbox, told } = setUp();
  link.versionsFell(3, '3 instances of eu-1');
  outbox.raise('7 events');
  expect(told()).toEqual([
    ...well,
    ['manager-versions:eu-1', true, '3 instances of eu-1'],
    ['outbox', true, '7 events'],
  ]);
  link.versionsFell(0, undefined);
  outbox.clear();
  expect(told()).toEqual(well);
});
