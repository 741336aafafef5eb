import { expect, it } from 'vitest';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { FallenVersions } from '../../../src/bridge/cluster/fallen-versions.js';
import type { OpenRow } from '../../../src/bridge/cluster/open-rows.js';
import { clusterNamed } from '../support/clusters.js';
import { ManualClock } from '../support/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('eu-1'), clock);
  const alarms: string[] = [];
  const watch = new FallenVersions({ link, clock, apartMs: 1, onAlarm: (reason) => alarms.push(reason) });
  /** A list, a millisecond after whatever was before. */
  const review = (rows: readonly OpenRow[], listed: Readonly<Record<string, bigint>>) => {
    clock.advance(1);
    watch.review(rows, new Map(Object.entries(listed)));
  };
  return { clock, link, watch, review, alarms };
}

const row = (instance: string, version: bigint): OpenRow => ({
  ...{ instance, version, region: 'eu-1', phase: 'running' },
  ...{ creationTime: '', startedTime: '', stoppingTime: '' },
});

it('tells how many instances of which cluster have a version below that of their row', () => {
  const { link, review, alarms } = setUp();
  const rows = [row('a', 900n), row('b', 901n), row('c', 2n), row('d', 2n ** 63n + 1n)];
  const listed = { a: 5n, b: 0n, c: 3n, d: 2n ** 63n };
  review(rows, listed);
  expect([link.fallen, alarms]).toEqual([0, []]);
  review(rows, listed);
  expect(link.fallen).toBe(3);
  expect(alarms).toEqual([link.fallenAlarm.raised?.reason]);
  expect(alarms[0]).toContain('3 instances of eu-1');
  expect(alarms[0]).toContain('steward bridge reset-versions eu-1');
});

it('says it once, and again when it becomes more', () => {
  const { review, alarms } = setUp();
  const rows = [row('a', 9n), row('b', 9n)];
  for (let list = 0; list < 4; list += 1) review(rows, { a: 1n, b: 9n });
  expect(alarms).toHaveLength(1);
  for (let list = 0; list < 4; list += 1) review(rows, { a: 1n, b: 1n });
  expect(alarms).toHaveLength(2);
  for (let list = 0; list < 4; list += 1) review(rows, { a: 1n, b: 9n });
  expect(alarms).toHaveLength(2);
});

it('takes nothing for fallen that only waits to be written, or changes, or is gone', () => {
  const { link, watch, review, alarms } = setUp();
  review([row('a', 9n)], { a: 8n });
  review([row('a', 10n)], { a: 9n });
  review([row('a', 10n)], { a: 10n });
  review([row('a', 11n)], { a: 10n });
  watch.forget();
  review([row('a', 11n)], { a: 10n });
  review([row('a', 11n)], {});
  expect([link.fallen, alarms]).toEqual([0, []]);
});

it('takes lists that follow each other at once for one', () => {
  const { link, watch } = setUp();
  for (let list = 0; list < 3; list += 1) watch.review([row('a', 9n)], new Map([['a', 1n]]));
  expect(link.fallen).toBe(0);
});

it('ends when the versions are above those of the rows again', () => {
  const { link, review } = setUp();
  for (let list = 0; list < 2; list += 1) review([row('a', 9n)], { a: 1n });
  expect(link.fallenAlarm.raised).toBeDefined();
  review([row('a', 0n)], { a: 1n });
  expect([link.fallen, link.fallenAlarm.raised]).toEqual([0, undefined]);
});
