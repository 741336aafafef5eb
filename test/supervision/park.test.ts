import { describe, expect, it } from 'vitest';
import type {
  ChildSpec,
  LastingSupervisorSpec,
  PlainChildSpec,
  SupervisorSpec,
} from '../../src/supervision/spec.js';
import { AT_ONCE, Rig } from './rig.js';

const fragile = (rig: Rig, ...children: readonly PlainChildSpec[]): LastingSupervisorSpec => ({
  strategy: 'one-for-one',
  backoff: 'none',
  intensity: { restarts: 1, periodMs: 1_000 },
  onExhausted: 'park',
  children:
    children.length > 0
      ? children
      : [rig.worker('a', { restart: 'permanent' }), rig.worker('b', { restart: 'permanent' })],
});

const above = (rig: Rig): SupervisorSpec => ({
  strategy: 'one-for-all',
  ...AT_ONCE,
  children: [
    { kind: 'supervisor', name: 'instance', restart: 'permanent', supervisor: fragile(rig) },
    rig.worker('neighbour', { restart: 'permanent' }),
  ],
});

describe('parking', () => {
  it('stops the children, raises an alarm with the reason, and nothing escalates past it', async () => {
    const rig = new Rig();
    const root = await rig.start(above(rig));
    await rig.fail('a');
    rig.news();
    await rig.fail('a');
    expect(rig.news()).toEqual(['exit instance/a', 'park instance', 'stop instance/b', 'stopped instance/b']);
    const instance = root.find('instance');
    expect(instance?.state).toBe('parked');
    expect(instance?.tree().parked).toEqual({
      reason: 'a failed: a broke; 1 restarts in 1000 ms are used up',
      since: 0,
    });
    expect(root.countChildren().active).toBe(2);
  });

  it('while parked nothing can be started in it', async () => {
    const rig = new Rig();
    const root = await rig.start(fragile(rig));
    await rig.fail('a');
    await rig.fail('a');
    const refused = { result: 'refused', reason: 'parked' };
    expect(await root.restartChild('a')).toEqual(refused);
    expect(await root.startChild(rig.worker('c', { restart: 'permanent' }))).toEqual(refused);
  });

  it('retry starts every child with a fresh budget; without parking it does nothing', async () => {
    const rig = new Rig();
    const root = await rig.start(fragile(rig));
    expect(await root.retry()).toBe(false);
    await rig.fail('a');
    await rig.fail('a');
    rig.news();
    expect(await root.retry()).toBe(true);
    expect(rig.news('unpark', 'start')).toEqual(['unpark root', 'start a', 'start b']);
    expect(root.tree().restarts).toEqual({ used: 0, left: 1, periodMs: 1_000 });
    await rig.fail('b');
    expect(root.state).toBe('running');
  });

  it('a failing retry is tried again and parks again when that is used up', async () => {
    const rig = new Rig();
    let broken = false;
    const child = rig.worker('child', {
      restart: 'permanent',
      onStart: () => {
        if (broken) throw new Error('no storage');
      },
    });
    const root = await rig.start(fragile(rig, child));
    broken = true;
    await rig.fail('child');
    expect(root.state).toBe('parked');
    rig.news();
    await root.retry();
    await rig.clock.advance(0);
    expect(rig.news('unpark', 'start-failed', 'park')).toEqual([
      'unpark root',
      'start-failed child',
      'start-failed child',
      'park root',
    ]);
  });

  it('a parked supervisor stops cleanly', async () => {
    const rig = new Rig();
    const root = await rig.start(above(rig));
    await rig.fail('a');
    await rig.fail('a');
    expect(await root.stop()).toEqual({ outcome: 'clean' });
  });

  it('a dynamic child that parks alone can be retried or given up', async () => {
    const rig = new Rig();
    const root = await rig.start({
      strategy: 'dynamic',
      childKind: 'worker',
      onExhausted: 'park-child',
      backoff: 'none',
      intensity: { restarts: 0, periodMs: 1_000 },
    });
    for (const name of ['one', 'two']) await root.startChild(rig.worker(name, { restart: 'permanent' }));
    rig.news();
    await rig.fail('one');
    await rig.fail('two');
    expect(rig.news('park')).toEqual(['park one', 'park two']);
    expect(root.whichChildren()).toMatchObject([{ state: 'parked' }, { state: 'parked' }]);
    expect(await root.retryChild('one')).toMatchObject({ result: 'started' });
    expect(await root.retryChild('one')).toEqual({ result: 'refused', reason: 'not-parked' });
    expect(root.deleteChild('two')).toEqual({ result: 'deleted' });
    expect(root.tree().children).toMatchObject([
      { name: 'one', state: 'running', restarts: { used: 0, left: 0 } },
    ]);
  });

  it('thousand instances failing at once disturb no other', async () => {
    const rig = new Rig();
    const root = await rig.start({ strategy: 'dynamic', childKind: 'supervisor' });
    const instance = (name: string): ChildSpec => ({
      kind: 'supervisor',
      name,
      restart: 'temporary',
      supervisor: {
        strategy: 'one-for-one',
        backoff: { initialMs: 10, maxMs: 100, factor: 2, jitter: 0.2 },
        intensity: { restarts: 3, periodMs: 5_000 },
        onExhausted: 'park',
        children: [rig.worker(`work-${name}`, { restart: 'permanent' })],
      },
    });
    const names = Array.from({ length: 2_000 }, (_, index) => `i${index}`);
    await Promise.all(names.map((name) => root.startChild(instance(name))));
    const [failing, well] = [names.slice(0, 1_000), names.slice(1_000)];
    rig.news();
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(failing.map((name) => rig.fail(`work-${name}`)));
      const [one = ''] = well;
      expect(root.find(one)?.tree().children).toMatchObject([{ state: 'running' }]);
      await rig.clock.advance(1_000);
    }
    const touched = new Set(rig.events.map(({ path }) => path.split('/')[1]));
    expect([...touched].sort()).toEqual([...failing].sort());
    expect(failing.every((name) => root.find(name)?.state === 'parked')).toBe(true);
    expect(well.every((name) => root.find(name)?.state === 'running')).toBe(true);
    expect(root.state).toBe('running');
    expect(await root.terminateChild('i1500')).toEqual({ result: 'stopped', stopped: { outcome: 'clean' } });
    expect(await root.startChild(instance('new'))).toMatchObject({ result: 'started' });
  });
});
