import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { SeededRandom } from '../../src/gateways/simulated/random.js';

describe('SimulatedClock', () => {
  it('fires timers in the order of their times, then of their setting, and drains work in between', async () => {
    const clock = new SimulatedClock(0);
    const order: string[] = [];
    const at = (time: number, name: string) =>
      clock.schedule(time, () => {
        order.push(`${name}@${clock.now()}`);
        Promise.resolve()
          .then(() => Promise.resolve())
          .then(() => order.push(`after ${name}`));
      });
    at(20, 'c');
    at(10, 'a');
    at(10, 'b');
    await clock.advance(15);
    expect(order).toEqual(['a@10', 'after a', 'b@10', 'after b']);
    expect(clock.now()).toBe(15);
    await clock.advance(5);
    expect(order.slice(4)).toEqual(['c@20', 'after c']);
  });

  it('fires timers that were set while time passes', async () => {
    const clock = new SimulatedClock(0);
    const ticks: number[] = [];
    const tick = () => {
      ticks.push(clock.now());
      if (ticks.length < 5) clock.schedule(clock.now() + 10, tick);
    };
    tick();
    expect(await clock.runUntilIdle(1_000)).toBe(true);
    expect(ticks).toEqual([0, 10, 20, 30, 40]);
    expect(clock.now()).toBe(40);
  });

  it('says when work never comes to rest', async () => {
    const clock = new SimulatedClock(0);
    const again = () => clock.schedule(clock.now() + 10, again);
    again();
    expect(await clock.runUntilIdle(1_000)).toBe(false);
    await expect(clock.runUntilSettled(new Promise(() => undefined), 100)).rejects.toThrow('100 ms');
  });

  it('does not fire what was cancelled, and counts what is armed', async () => {
    const clock = new SimulatedClock(0);
    const timer = clock.schedule(10, () => expect.unreachable());
    clock.schedule(20, () => undefined);
    timer.cancel();
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it('treats steps of the wall clock as the real one does', async () => {
    const clock = new SimulatedClock(1_000_000);
    const fired: string[] = [];
    clock.schedule(clock.now() + 5_000, () => fired.push('far'));
    clock.schedule(clock.now() + 100, () => fired.push('near'));
    clock.stepWall(-500_000);
    await clock.advance(100);
    expect(fired).toEqual(['near']);
    clock.stepWall(1_000_000);
    await clock.advance(0);
    expect(fired).toEqual(['near', 'far']);
  });

  it('lets sleepers of any length pass at once', async () => {
    const clock = new SimulatedClock(0);
    await clock.runUntilSettled(sleep(clock, 365 * 24 * 60 * 60 * 1000), Number.MAX_SAFE_INTEGER);
    expect(clock.now()).toBe(365 * 24 * 60 * 60 * 1000);
  });
});

describe('SeededRandom', () => {
  it('gives the same for the same seed, and UUIDs of version 4', () => {
    const draw = (seed: number) => {
      const random = new SeededRandom(seed);
      return [random.fraction(), random.uuid(), random.integer(1, 6), [...random.bytes(4)]];
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(3)[1]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('spreads evenly', () => {
    const random = new SeededRandom(42);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let index = 0; index < 60_000; index += 1) {
      const at = random.integer(0, 5);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
