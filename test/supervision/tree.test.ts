import { describe, expect, it } from 'vitest';
import { ServiceKey } from '../../src/supervision/registry.js';
import { restartFrom } from '../../src/supervision/restart-from.js';
import type { LastingSupervisorSpec, SupervisorSpec } from '../../src/supervision/spec.js';
import { startSupervisor } from '../../src/supervision/start.js';
import { AT_ONCE, Rig } from './rig.js';

describe('the tree', () => {
  it('shows every child in order with its state, budget, last error and mailbox', async () => {
    const rig = new Rig();
    const inner: LastingSupervisorSpec = { strategy: 'dynamic', childKind: 'worker' };
    const root = await rig.start({
      strategy: 'rest-for-one',
      intensity: { restarts: 3, periodMs: 1_000 },
      backoff: { initialMs: 500, maxMs: 500, factor: 1, jitter: 0 },
      children: [
        { kind: 'supervisor', name: 'inner', restart: 'permanent', supervisor: inner },
        rig.worker('busy', { restart: 'permanent', mailboxDepth: () => 7 }),
        rig.worker('broken', { restart: 'permanent' }),
      ],
    });
    await rig.fail('broken');
    expect(root.tree()).toMatchObject({
      path: 'root',
      state: 'running',
      strategy: 'rest-for-one',
      restarts: { used: 1, left: 2, periodMs: 1_000 },
      children: [
        {
          path: 'root/inner',
          kind: 'supervisor',
          state: 'running',
          supervisor: { strategy: 'dynamic', children: [] },
        },
        { name: 'busy', state: 'running', mailboxDepth: 7 },
        { name: 'broken', state: 'waiting', nextRestartAt: 500, lastError: 'broken broke' },
      ],
    });
  });

  it('finds running supervisors by path', async () => {
    const rig = new Rig();
    const leaf: LastingSupervisorSpec = { strategy: 'one-for-one', children: [] };
    const middle: LastingSupervisorSpec = {
      strategy: 'one-for-one',
      children: [{ kind: 'supervisor', name: 'leaf', restart: 'permanent', supervisor: leaf }],
    };
    const root = await rig.start({
      strategy: 'one-for-one',
      children: [
        { kind: 'supervisor', name: 'middle', restart: 'permanent', supervisor: middle },
        rig.worker('worker', { restart: 'permanent' }),
      ],
    });
    expect(root.find('middle/leaf')?.path).toBe('root/middle/leaf');
    expect(root.find('')).toBe(root);
    expect(root.find('worker')).toBeUndefined();
    expect(root.find('middle/none')).toBeUndefined();
  });

  it('an observer that throws is counted and disturbs nobody', async () => {
    const rig = new Rig();
    const onEvent = () => {
      throw new Error('metrics are down');
    };
    const spec: SupervisorSpec = {
      strategy: 'one-for-one',
      ...AT_ONCE,
      children: [rig.worker('a', { restart: 'permanent' })],
    };
    const root = await startSupervisor('root', spec, { clock: rig.clock, random: rig.random, onEvent });
    await rig.fail('a');
    expect(root.tree()).toMatchObject({ observerFailures: 6, children: [{ state: 'running' }] });
  });
});

describe('the registry', () => {
  it('offers what a running child registered, until its run is over', async () => {
    const rig = new Rig();
    const key = new ServiceKey<number>('answer');
    const child = rig.worker('child', {
      restart: 'temporary',
      onStart: (context) => context.register(key, 42),
    });
    const root = await rig.start({ strategy: 'one-for-one', children: [child] });
    expect(root.registry.lookup(key)).toBe(42);
    await rig.end('child');
    expect(root.registry.lookup(key)).toBeUndefined();
  });
});

describe('restart from record', () => {
  const spec = (rig: Rig, recover: () => number, seen: (number | undefined)[]): SupervisorSpec => {
    const child = rig.worker('child', { restart: 'permanent' });
    const start = restartFrom<number>(recover, (context, restore) => {
      seen.push(restore);
      return child.start(context);
    });
    return { strategy: 'one-for-one', ...AT_ONCE, children: [{ ...child, start }] };
  };

  it('the first run starts clean, a restart gets what recover reads', async () => {
    const rig = new Rig();
    const seen: (number | undefined)[] = [];
    await rig.start(spec(rig, () => 9, seen));
    await rig.fail('child');
    expect(seen).toEqual([undefined, 9]);
  });

  it('a failing recover is a failed start: it counts and is tried again', async () => {
    const rig = new Rig();
    const seen: (number | undefined)[] = [];
    let failures = 2;
    const recover = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('record unreadable');
      return 9;
    };
    const root = await rig.start(spec(rig, recover, seen));
    await rig.fail('child');
    expect(seen).toEqual([undefined, 9]);
    expect(root.tree().restarts.used).toBe(3);
  });
});
