import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import { KILL_MS, WORKER_SHUTDOWN_MS, WORKER_START_MS } from '../../src/supervision/bounds.js';
import type { Stopped } from '../../src/supervision/exit.js';
import type { LastingSupervisorSpec, PlainChildSpec } from '../../src/supervision/spec.js';
import { AT_ONCE, forEver, Rig } from './rig.js';
import { settle } from './virtual-clock.js';

const just = (...children: readonly PlainChildSpec[]): LastingSupervisorSpec => ({
  strategy: 'one-for-one',
  ...AT_ONCE,
  children,
});

/** Stops the supervisor of one child and answers how and when (milliseconds) that ended. */
async function stopOf(rig: Rig, child: PlainChildSpec): Promise<{ stopped: Stopped; afterMs: number }> {
  const supervisor = await rig.start(just(child));
  const began = rig.clock.now();
  let ended: { stopped: Stopped; afterMs: number } | undefined;
  void supervisor.stop().then((stopped) => {
    ended = { stopped, afterMs: rig.clock.now() - began };
  });
  await rig.clock.advance(60_000);
  if (ended === undefined) throw new Error('the stop did not end');
  return ended;
}

describe('start', () => {
  it('starts from left to right, each waited for', async () => {
    const rig = new Rig();
    const slow = rig.worker('slow', { restart: 'permanent', onStart: () => sleep(rig.clock, 100) });
    const starting = rig.start(just(slow, rig.worker('next', { restart: 'permanent' })));
    await rig.clock.advance(99);
    expect(rig.news()).toEqual(['start slow']);
    await rig.clock.advance(1);
    expect(rig.news()).toEqual(['started slow', 'start next', 'started next']);
    expect((await starting).state).toBe('running');
  });

  it('a failure at start stops those started in reverse and fails the supervisor', async () => {
    const rig = new Rig();
    const fails = () => {
      throw new Error('no disk');
    };
    const starting = rig.start(
      just(
        rig.worker('a', { restart: 'permanent' }),
        rig.worker('b', { restart: 'permanent' }),
        rig.worker('c', { restart: 'permanent', onStart: fails }),
        rig.worker('d', { restart: 'permanent' }),
      ),
    );
    await expect(starting).rejects.toThrow('no disk');
    expect(rig.news('start-failed', 'stop')).toEqual(['start-failed c', 'stop b', 'stop a']);
  });

  it('a start that takes too long is killed and fails', async () => {
    const rig = new Rig();
    const starting = rig.start(just(rig.worker('slow', { restart: 'permanent', onStart: forEver })));
    const failed = expect(starting).rejects.toThrow(`did not start within ${WORKER_START_MS} ms`);
    await rig.clock.advance(WORKER_START_MS + KILL_MS);
    await failed;
  });

  it('an ignoring child keeps its specification and does not run', async () => {
    const rig = new Rig();
    const supervisor = await rig.start(
      just({ kind: 'worker', name: 'off', restart: 'permanent', start: () => 'ignore' }),
    );
    expect(supervisor.whichChildren()).toMatchObject([{ name: 'off', state: 'stopped' }]);
    expect(supervisor.countChildren()).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 });
  });
});

describe('an ignoring temporary child', () => {
  it('is forgotten, since nothing would ever start it', async () => {
    const off = {
      kind: 'worker',
      name: 'off',
      restart: 'temporary',
      start: () => 'ignore' as const,
    } as const;
    const supervisor = await new Rig().start(just(off));
    expect(supervisor.countChildren().specs).toBe(0);
  });
});

describe('stop', () => {
  it('stops in reverse order, each waited for', async () => {
    const rig = new Rig();
    const slow = rig.worker('slow', { restart: 'permanent', stop: () => sleep(rig.clock, 50) });
    const supervisor = await rig.start(just(rig.worker('first', { restart: 'permanent' }), slow));
    rig.news();
    const stopped = supervisor.stop();
    await rig.clock.advance(49);
    expect(rig.news()).toEqual(['stop slow']);
    await rig.clock.advance(1);
    expect(rig.news()).toEqual(['stopped slow', 'stop first', 'stopped first']);
    expect(await stopped).toEqual({ outcome: 'clean' });
    expect(await supervisor.stop()).toEqual({ outcome: 'clean' });
  });

  it('ends as clean when the child stops within its deadline', async () => {
    const rig = new Rig();
    const child = rig.worker('child', {
      restart: 'permanent',
      stop: () => sleep(rig.clock, WORKER_SHUTDOWN_MS - 1),
    });
    expect(await stopOf(rig, child)).toEqual({
      stopped: { outcome: 'clean' },
      afterMs: WORKER_SHUTDOWN_MS - 1,
    });
  });

  it('ends as forced when the kill leaves nothing', async () => {
    const rig = new Rig();
    const stop = (signal: AbortSignal) => sleep(rig.clock, 60_000, signal);
    const child = rig.worker('child', { restart: 'permanent', passive: true, shutdown: 200, stop });
    expect(await stopOf(rig, child)).toEqual({ stopped: { outcome: 'forced' }, afterMs: 200 });
  });

  it('ends as leaked, and says what is there, when the kill hook or the task itself does', async () => {
    const rig = new Rig();
    const leak = { kind: 'process', detail: 'pid 77 in uninterruptible sleep' };
    const hook = rig.worker('hook', {
      restart: 'permanent',
      passive: true,
      shutdown: 'brutal-kill',
      onStart: (context) => context.onKill(() => [leak]),
    });
    expect(await stopOf(rig, hook)).toEqual({ stopped: { outcome: 'leaked', leaks: [leak] }, afterMs: 0 });

    const deaf = new Rig();
    const task = deaf.worker('task', { restart: 'permanent', shutdown: 100, stop: forEver });
    const ended = await stopOf(deaf, task);
    expect(ended.afterMs).toBe(100 + KILL_MS);
    expect(ended.stopped).toMatchObject({ outcome: 'leaked', leaks: [{ kind: 'task' }, { kind: 'task' }] });
  });

  it('a crash in stop gets the child killed', async () => {
    const rig = new Rig();
    const child = rig.worker('child', {
      restart: 'permanent',
      passive: true,
      stop: () => Promise.reject(new Error('cannot unmount')),
    });
    expect((await stopOf(rig, child)).stopped).toEqual({
      outcome: 'forced',
    });
    const stopped = rig.events.find((event) => event.type === 'stopped');
    expect(stopped).toMatchObject({ error: { message: 'cannot unmount' } });
  });

  it('a task without stop is told by its signal and waited for', async () => {
    const rig = new Rig();
    const task: PlainChildSpec = {
      kind: 'worker',
      name: 'task',
      restart: 'permanent',
      start: ({ signal }) => ({
        exit: sleep(rig.clock, 1e9, signal).then(() => ({ kind: 'normal' as const })),
      }),
    };
    expect(await stopOf(rig, task)).toEqual({ stopped: { outcome: 'clean' }, afterMs: 0 });
  });

  it('a supervisor child may take as long as its children, and is killed with them when told otherwise', async () => {
    for (const [shutdown, outcome, afterMs] of [
      ['infinity', 'clean', 4_000],
      [1_000, 'forced', 1_000],
    ] as const) {
      const rig = new Rig();
      const child = rig.worker('child', {
        restart: 'permanent',
        passive: true,
        stop: (signal) => sleep(rig.clock, 4_000, signal),
      });
      const supervisor = just(child);
      const inner: PlainChildSpec = {
        kind: 'supervisor',
        name: 'inner',
        restart: 'permanent',
        shutdown,
        supervisor,
      };
      expect(await stopOf(rig, inner)).toEqual({ stopped: { outcome }, afterMs });
    }
  });
});

describe('stop during start, and start during stop', () => {
  it('a stop gives the start up, then stops what is up in reverse', async () => {
    const rig = new Rig();
    const slow = rig.worker('slow', {
      restart: 'permanent',
      onStart: ({ signal }) => sleep(rig.clock, 10_000, signal),
    });
    const supervisor = await rig.start(just(rig.worker('up', { restart: 'permanent' })));
    const started = supervisor.startChild(slow);
    await settle();
    rig.news();
    expect(await supervisor.stop()).toEqual({ outcome: 'clean' });
    expect(await started).toEqual({ result: 'stopped' });
    expect(rig.news()).toEqual(['stop slow', 'stopped slow', 'stop up', 'stopped up']);
  });

  it('while it stops nothing can be started', async () => {
    const rig = new Rig();
    const slow = rig.worker('slow', { restart: 'permanent', stop: () => sleep(rig.clock, 100) });
    const supervisor = await rig.start(just(slow));
    const stopped = supervisor.stop();
    const refused = { result: 'refused', reason: 'stopping' };
    const asked = supervisor.startChild(rig.worker('new', { restart: 'permanent' }));
    await rig.clock.advance(100);
    expect(await asked).toEqual(refused);
    expect(await supervisor.restartChild('slow')).toEqual(refused);
    await stopped;
  });

  it('a start that comes back after its kill is refused: stopped, and its late hooks run', async () => {
    const rig = new Rig();
    const seen: string[] = [];
    const deaf: PlainChildSpec = {
      kind: 'worker',
      name: 'deaf',
      restart: 'permanent',
      shutdown: 100,
      start: async (context) => {
        await sleep(rig.clock, 20_000);
        seen.push(`current ${context.isCurrent()}`);
        context.onKill(() => {
          seen.push('killed');
          return [];
        });
        return { stop: async () => void seen.push('stopped') };
      },
    };
    const supervisor = await rig.start(just());
    void supervisor.startChild(deaf);
    const stopped = supervisor.stop();
    await rig.clock.advance(100 + KILL_MS);
    expect(await stopped).toMatchObject({ outcome: 'leaked' });
    await rig.clock.advance(20_000);
    expect(rig.news('late-start')).toEqual(['late-start deaf']);
    expect(seen).toEqual(['current false', 'killed', 'stopped']);
  });
});

describe('a failed run', () => {
  it('is no longer current, its signal aborts and its hooks run before the next starts', async () => {
    const rig = new Rig();
    const seen: string[] = [];
    const child = rig.worker('child', {
      restart: 'permanent',
      onStart: (context) => {
        seen.push(`start ${context.previous?.kind ?? 'first'}`);
        context.onKill(async () => {
          await sleep(rig.clock, 10);
          seen.push(`kill ${context.isCurrent()} ${context.signal.aborted}`);
          return [{ kind: 'process', detail: 'pid 5' }];
        });
      },
    });
    await rig.start(just(child));
    await rig.fail('child');
    await rig.clock.advance(10);
    expect(seen).toEqual(['start first', 'kill false true', 'start abnormal']);
    expect(rig.news('exit', 'leak', 'restart')).toEqual(['exit child', 'leak child', 'restart child']);
  });
});
