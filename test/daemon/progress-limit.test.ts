import { expect, it } from 'vitest';
import { ProgressLimit } from '../../src/daemon/progress-limit.js';
import type { Clock } from '../../src/gateways/clock.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { ids } from '../content/support/place.js';

it('lets two notes a second of an instance through', () => {
  let now = 1_000;
  const { clock: real } = realWorld();
  const clock: Clock = Object.assign(Object.create(real), { now: () => now });
  const told: number[] = [];
  const limit = new ProgressLimit(clock, ({ bytes }) => told.push(bytes));
  const { instance } = ids();
  for (let bytes = 0; bytes < 100; bytes += 1) {
    limit.take(instance, 'cloning', bytes);
    now += 20;
  }
  expect(told).toEqual([0, 25, 50, 75]);
});
