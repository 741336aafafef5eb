import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import type { LastingSupervisorSpec, SupervisorSpec } from '../../src/supervision/spec.js';
import { AT_ONCE, forEver, Rig } from './rig.js';

const dynamic = { strategy: 'dynamic', childKind: 'worker', ...AT_ONCE } as const;

describe('a dynamic supervisor', () => {
  it('starts without children and takes them later', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    expect(root.countChildren().specs).toBe(0);
    expect(await root.startChild(rig.worker('one', { restart: 'permanent' }))).toMatchObject({
      result: 'started',
    });
    expect(root.whichChildren()).toMatchObject([{ name: 'one', state: 'running' }]);
  });

  it('refuses a taken name, another kind and more children than allowed', async () => {
    const rig = new Rig();
    const root = await rig.start({ ...dynamic, maxChildren: 1 });
    const one = rig.worker('one', { restart: 'permanent', onStart: forEver });
    void root.startChild(one);
    expect(await root.startChild(one)).toEqual({ result: 'refused', reason: 'already-present' });
    const other = rig.worker('two', { restart: 'permanent' });
    expect(await root.startChild(other)).toEqual({ result: 'refused', reason: 'too-many-children' });
    const inner: LastingSupervisorSpec = { strategy: 'one-for-one', children: [] };
    const nested = { kind: 'supervisor', name: 'inner', restart: 'permanent', supervisor: inner } as const;
    expect(await root.startChild(nested)).toEqual({ result: 'refused', reason: 'wrong-kind' });
  });

  it('a slow start of one does not hold up another', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    void root.startChild(rig.worker('slow', { restart: 'permanent', onStart: forEver }));
    expect(await root.startChild(rig.worker('quick', { restart: 'permanent' }))).toMatchObject({
      result: 'started',
    });
    expect(root.whichChildren()).toMatchObject([{ state: 'starting' }, { state: 'running' }]);
  });

  it('a child whose start fails is not kept; one that ignores is not either', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    const fails = rig.worker('fails', {
      restart: 'permanent',
      onStart: () => Promise.reject(new Error('no')),
    });
    expect(await root.startChild(fails)).toMatchObject({ result: 'failed', error: { message: 'no' } });
    const ignores = { ...rig.worker('off', { restart: 'permanent' }), start: () => 'ignore' as const };
    expect(await root.startChild(ignores)).toEqual({ result: 'ignored' });
    expect(root.countChildren().specs).toBe(0);
  });

  it('a failed child is restarted alone; one that ended or was terminated is gone', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    for (const name of ['a', 'b', 'c']) await root.startChild(rig.worker(name, { restart: 'transient' }));
    rig.news();
    await rig.fail('a');
    await rig.end('b');
    await root.terminateChild('c');
    expect(rig.news('start', 'stop')).toEqual(['start a', 'stop c']);
    expect(root.whichChildren().map(({ name }) => name)).toEqual(['a']);
    expect(await root.terminateChild('c')).toEqual({ result: 'refused', reason: 'not-found' });
  });

  it('terminating a child that is starting gives its start up', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    const slow = rig.worker('slow', {
      restart: 'permanent',
      onStart: ({ signal }) => sleep(rig.clock, 10_000, signal),
    });
    const started = root.startChild(slow);
    await rig.clock.advance(1);
    expect(await root.terminateChild('slow')).toEqual({ result: 'stopped', stopped: { outcome: 'clean' } });
    expect(await started).toEqual({ result: 'stopped' });
    expect(root.countChildren().specs).toBe(0);
  });

  it('one budget is shared by all children, as in OTP, unless each parks alone', async () => {
    const rig = new Rig();
    const root = await rig.start({
      ...dynamic,
      intensity: { restarts: 1, periodMs: 1_000 },
    });
    for (const name of ['a', 'b']) await root.startChild(rig.worker(name, { restart: 'permanent' }));
    await rig.fail('a');
    expect(root.state).toBe('running');
    await rig.fail('b');
    expect(await root.exit).toEqual({ kind: 'shutdown' });
  });

  it('stops its children in parallel', async () => {
    const rig = new Rig();
    const root = await rig.start(dynamic);
    for (let index = 0; index < 100; index += 1) {
      const stop = () => sleep(rig.clock, 100);
      await root.startChild(rig.worker(`c${index}`, { restart: 'permanent', stop }));
    }
    const stopped = root.stop();
    await rig.clock.advance(100);
    expect(await stopped).toEqual({ outcome: 'clean' });
    expect(rig.news('stopped').length).toBe(100);
  });
});

describe('children of a supervisor with a fixed order', () => {
  const fixed = (rig: Rig): SupervisorSpec => ({
    strategy: 'rest-for-one',
    ...AT_ONCE,
    children: [rig.worker('a', { restart: 'permanent' }), rig.worker('b', { restart: 'permanent' })],
  });

  it('startChild adds after the others', async () => {
    const rig = new Rig();
    const root = await rig.start(fixed(rig));
    await root.startChild(rig.worker('c', { restart: 'permanent' }));
    rig.news();
    await rig.fail('a');
    expect(rig.news('stop')).toEqual(['stop c', 'stop b']);
  });

  it('terminate keeps the specification, restart starts it again, delete forgets it', async () => {
    const rig = new Rig();
    const root = await rig.start(fixed(rig));
    expect(root.deleteChild('a')).toEqual({ result: 'refused', reason: 'running' });
    expect(await root.restartChild('a')).toEqual({ result: 'refused', reason: 'running' });
    await root.terminateChild('a');
    expect(root.whichChildren()).toMatchObject([{ name: 'a', state: 'stopped' }, { name: 'b' }]);
    expect(await root.restartChild('a')).toMatchObject({ result: 'started' });
    await root.terminateChild('a');
    expect(root.deleteChild('a')).toEqual({ result: 'deleted' });
    expect(root.childSpec('a')).toBeUndefined();
    expect(await root.restartChild('a')).toEqual({ result: 'refused', reason: 'not-found' });
  });

  it('a child that waits for its restart is refused as restarting, and can be terminated', async () => {
    const rig = new Rig();
    const root = await rig.start({
      strategy: 'one-for-one',
      children: [rig.worker('a', { restart: 'permanent' })],
    });
    await rig.fail('a');
    expect(root.deleteChild('a')).toEqual({ result: 'refused', reason: 'restarting' });
    expect(await root.restartChild('a')).toEqual({ result: 'refused', reason: 'restarting' });
    await root.terminateChild('a');
    expect(rig.clock.timers).toBe(0);
    expect(root.whichChildren()).toMatchObject([{ state: 'stopped' }]);
  });
});
