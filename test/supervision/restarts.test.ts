import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import type { LastingSupervisorSpec, SupervisorSpec } from '../../src/supervision/spec.js';
import { AT_ONCE, Rig } from './rig.js';

const threeOf = (rig: Rig, strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one'): SupervisorSpec => ({
  strategy,
  ...AT_ONCE,
  children: ['a', 'b', 'c'].map((name) => rig.worker(name, { restart: 'permanent' })),
});

describe('strategies', () => {
  it('one-for-one restarts only the failed child', async () => {
    const rig = new Rig();
    await rig.start(threeOf(rig, 'one-for-one'));
    rig.news();
    await rig.fail('b');
    expect(rig.news()).toEqual(['exit b', 'restart b', 'start b', 'started b']);
  });

  it('one-for-all stops the others in reverse and starts all in order', async () => {
    const rig = new Rig();
    await rig.start(threeOf(rig, 'one-for-all'));
    rig.news();
    await rig.fail('b');
    expect(rig.news('stop', 'start')).toEqual(['stop c', 'stop a', 'start a', 'start b', 'start c']);
  });

  it('rest-for-one stops those started after the failed child and starts them with it', async () => {
    const rig = new Rig();
    await rig.start(threeOf(rig, 'rest-for-one'));
    rig.news();
    await rig.fail('b');
    expect(rig.news('stop', 'start')).toEqual(['stop c', 'start b', 'start c']);
  });

  it('a sibling that fails while its group is being stopped is restarted with it, once', async () => {
    const rig = new Rig();
    const supervisor = await rig.start({
      strategy: 'one-for-all',
      ...AT_ONCE,
      children: [
        rig.worker('a', { restart: 'permanent' }),
        rig.worker('b', { restart: 'permanent' }),
        rig.worker('slow', { restart: 'permanent', stop: () => sleep(rig.clock, 50) }),
      ],
    });
    rig.news();
    await rig.fail('a');
    await rig.fail('b');
    await rig.clock.advance(50);
    expect(rig.news('start')).toEqual(['start a', 'start b', 'start slow']);
    expect(supervisor.tree().restarts.used).toBe(1);
  });

  it('a restart of all brings back a transient child that had ended, but never a temporary one', async () => {
    const rig = new Rig();
    const supervisor = await rig.start({
      strategy: 'one-for-all',
      ...AT_ONCE,
      children: [
        rig.worker('done', { restart: 'transient' }),
        rig.worker('gone', { restart: 'temporary' }),
        rig.worker('fails', { restart: 'permanent' }),
      ],
    });
    await rig.end('done');
    rig.news();
    await rig.fail('fails');
    expect(rig.news('stop', 'start')).toEqual(['stop gone', 'start done', 'start fails']);
    expect(supervisor.whichChildren().map(({ name }) => name)).toEqual(['done', 'fails']);
  });
});

describe('restart types', () => {
  const outcomes = [
    ['permanent', 'end', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'fail', true],
    ['transient', 'end', false],
    ['transient', 'shutdown', false],
    ['transient', 'fail', true],
    ['temporary', 'end', false],
    ['temporary', 'shutdown', false],
    ['temporary', 'fail', false],
  ] as const;

  it.each(outcomes)('a %s child after "%s" comes back: %s', async (restart, how, comesBack) => {
    const rig = new Rig();
    const supervisor = await rig.start({
      strategy: 'one-for-one',
      ...AT_ONCE,
      children: [rig.worker('child', { restart })],
    });
    rig.news();
    await rig[how]('child');
    expect(rig.news('start').length === 1).toBe(comesBack);
    expect(supervisor.countChildren().specs).toBe(restart === 'temporary' ? 0 : 1);
  });
});

describe('intensity', () => {
  it('one restart more than allowed within the period stops the children and ends with shutdown', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(threeOf(rig, 'one-for-one'));
    for (let restart = 0; restart < 3; restart += 1) await rig.fail('a');
    rig.news();
    await rig.fail('a');
    expect(rig.news('escalate', 'stop')).toEqual(['escalate root', 'stop c', 'stop b']);
    expect(await supervisor.exit).toEqual({ kind: 'shutdown' });
    expect(supervisor.state).toBe('stopped');
  });

  it('a restart exactly one period old still counts, an older one does not', async () => {
    for (const [pause, state] of [
      [1_000, 'stopped'],
      [1_001, 'running'],
    ] as const) {
      const rig = new Rig();
      const supervisor = await rig.start(threeOf(rig, 'one-for-one'));
      for (let restart = 0; restart < 3; restart += 1) await rig.fail('a');
      await rig.clock.advance(pause);
      await rig.fail('a');
      expect(supervisor.state).toBe(state);
    }
  });

  it('a permanent supervisor that gave up is restarted by its parent, a transient one is not', async () => {
    for (const restart of ['permanent', 'transient'] as const) {
      const rig = new Rig();
      const inner: LastingSupervisorSpec = {
        strategy: 'one-for-one',
        backoff: 'none',
        intensity: { restarts: 0, periodMs: 1_000 },
        children: [rig.worker('child', { restart: 'permanent' })],
      };
      await rig.start({
        strategy: 'one-for-one',
        ...AT_ONCE,
        children: [{ kind: 'supervisor', name: 'inner', restart, supervisor: inner }],
      });
      rig.news();
      await rig.fail('child');
      expect(rig.news('escalate', 'exit', 'start')).toEqual([
        'exit inner/child',
        'escalate inner',
        'exit inner',
        ...(restart === 'permanent' ? ['start inner', 'start inner/child'] : []),
      ]);
    }
  });
});

describe('back-off', () => {
  const spec = (rig: Rig): SupervisorSpec => ({
    strategy: 'one-for-one',
    intensity: { restarts: 100, periodMs: 100_000 },
    backoff: { initialMs: 100, maxMs: 400, factor: 2, jitter: 0, resetAfterMs: 1_000 },
    children: [rig.worker('child', { restart: 'permanent' })],
  });
  const pauses = (rig: Rig) =>
    rig.events.flatMap((event) => (event.type === 'restart' ? [event.afterMs] : []));

  it('the pauses grow up to the longest, and a long enough run starts them over', async () => {
    const rig = new Rig();
    await rig.start(spec(rig));
    for (let failure = 0; failure < 4; failure += 1) {
      await rig.fail('child');
      await rig.clock.advance(400);
    }
    await rig.clock.advance(1_000);
    await rig.fail('child');
    expect(pauses(rig)).toEqual([100, 200, 400, 400, 100]);
  });

  it('a waiting child shows when it will start, and does so then and not before', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(spec(rig));
    await rig.fail('child');
    rig.news();
    expect(supervisor.whichChildren()).toMatchObject([
      { state: 'waiting', nextRestartAt: 100, lastError: 'child broke' },
    ]);
    await rig.clock.advance(99);
    expect(rig.news()).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.news()).toEqual(['start child', 'started child']);
  });

  const group = { backoff: { initialMs: 100, maxMs: 100, factor: 1, jitter: 0 } };

  it('a child terminated while its group waits stays down, and the others start', async () => {
    const rig = new Rig();
    const root = await rig.start({ ...threeOf(rig, 'rest-for-one'), ...group });
    await rig.fail('a');
    await root.terminateChild('b');
    rig.news();
    await rig.clock.advance(100);
    expect(rig.news('start')).toEqual(['start a', 'start c']);
    expect(root.whichChildren()).toMatchObject([
      { state: 'running' },
      { state: 'stopped' },
      { state: 'running' },
    ]);
  });

  it('a child terminated while another of its group is starting is not started first', async () => {
    const rig = new Rig();
    const slow = rig.worker('slow', { restart: 'permanent', onStart: () => sleep(rig.clock, 50) });
    const next = rig.worker('next', { restart: 'permanent' });
    const starting = rig.start({ strategy: 'one-for-all', ...group, children: [slow, next] });
    await rig.clock.advance(50);
    const root = await starting;
    await rig.fail('slow');
    await rig.clock.advance(120);
    rig.news();
    const terminated = root.terminateChild('next');
    await rig.clock.advance(50);
    expect(await terminated).toMatchObject({ result: 'stopped' });
    expect(rig.news()).toEqual(['started slow']);
  });

  it('an earlier failure takes over the restart that later children wait for', async () => {
    const rig = new Rig();
    await rig.start({ ...threeOf(rig, 'rest-for-one'), ...group });
    await rig.fail('b');
    await rig.clock.advance(60);
    await rig.fail('a');
    rig.news();
    await rig.clock.advance(99);
    expect(rig.news('start')).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.news('start')).toEqual(['start a', 'start b', 'start c']);
    expect(rig.clock.timers).toBe(0);
  });

  it('jitter adds at most its share and follows the seed', async () => {
    const run = async () => {
      const rig = new Rig();
      await rig.start({ ...spec(rig), backoff: { initialMs: 1_000, maxMs: 1_000, factor: 1, jitter: 0.2 } });
      for (let failure = 0; failure < 5; failure += 1) {
        await rig.fail('child');
        await rig.clock.advance(1_200);
      }
      return pauses(rig);
    };
    const first = await run();
    expect(new Set(first).size).toBe(5);
    expect(first.every((pause) => pause >= 1_000 && pause <= 1_200)).toBe(true);
    expect(await run()).toEqual(first);
  });

  it('no timer is armed at rest', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(spec(rig));
    await rig.fail('child');
    await rig.clock.advance(1_000);
    expect(rig.clock.timers).toBe(0);
    await supervisor.stop();
    expect(rig.clock.timers).toBe(0);
  });
});

describe('significant children', () => {
  const spec = (rig: Rig, autoShutdown: 'any-significant' | 'all-significant'): SupervisorSpec => ({
    strategy: 'one-for-one',
    ...AT_ONCE,
    autoShutdown,
    children: [
      { ...rig.worker('one', { restart: 'transient' }), restart: 'transient', significant: true },
      { ...rig.worker('two', { restart: 'temporary' }), restart: 'temporary', significant: true },
      rig.worker('other', { restart: 'transient' }),
    ],
  });

  it('any-significant: the first that ends by itself ends the supervisor with shutdown', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(spec(rig, 'any-significant'));
    await rig.end('other');
    expect(supervisor.state).toBe('running');
    rig.news();
    await rig.fail('two');
    expect(rig.news('auto-shutdown', 'stop')).toEqual(['auto-shutdown root', 'stop one']);
    expect(await supervisor.exit).toEqual({ kind: 'shutdown' });
  });

  it('all-significant: only the last one does', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(spec(rig, 'all-significant'));
    await rig.end('two');
    expect(supervisor.state).toBe('running');
    await rig.end('one');
    expect(await supervisor.exit).toEqual({ kind: 'shutdown' });
  });

  it('a significant child that is restarted or terminated from outside ends nothing', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(spec(rig, 'any-significant'));
    await rig.fail('one');
    await supervisor.terminateChild('two');
    expect(supervisor.state).toBe('running');
  });
});
