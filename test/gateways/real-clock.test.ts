import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import { RealClock } from '../../src/gateways/real/clock.js';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('RealClock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits longer than setTimeout can, and then calls once', () => {
    const clock = new RealClock();
    const called = vi.fn();
    clock.schedule(clock.now() + 40 * DAY_MS, called);
    vi.advanceTimersByTime(40 * DAY_MS - 1);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(DAY_MS);
    expect(called).toHaveBeenCalledTimes(1);
  });

  it('never calls back inside schedule, even for a time long past', () => {
    const clock = new RealClock();
    const called = vi.fn();
    clock.schedule(0, called);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(called).toHaveBeenCalledTimes(1);
  });

  it('does not call what was cancelled', () => {
    const clock = new RealClock();
    const called = vi.fn();
    const timer = clock.schedule(clock.now() + 10, called);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(100);
    expect(called).not.toHaveBeenCalled();
  });

  it('notices a wall clock that jumps forward, as after a suspend', () => {
    const clock = new RealClock();
    const called = vi.fn();
    clock.schedule(clock.now() + 10 * DAY_MS, called);
    vi.setSystemTime(clock.now() + 11 * DAY_MS);
    vi.advanceTimersByTime(60_000);
    expect(called).toHaveBeenCalledTimes(1);
  });

  it('still calls after the distance asked for when the wall clock steps back', () => {
    const clock = new RealClock();
    const called = vi.fn();
    clock.schedule(clock.now() + 100, called);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(100);
    expect(called).toHaveBeenCalledTimes(1);
  });
});

describe('sleep', () => {
  it('ends at once with the reason when its signal aborts', async () => {
    const abort = new AbortController();
    const sleeping = sleep(new RealClock(), DAY_MS, abort.signal);
    abort.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow('stop');
  });
});
