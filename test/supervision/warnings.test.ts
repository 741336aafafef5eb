import { describe, expect, it } from 'vitest';
import type { LastingSupervisorSpec, PlainChildSpec, SupervisorSpec } from '../../src/supervision/spec.js';
import { Rig } from './rig.js';

const level = (restarts: number, ...children: readonly PlainChildSpec[]) =>
  ({
    strategy: 'one-for-one',
    backoff: 'none',
    intensity: { restarts, periodMs: 1_000 },
    children,
  }) as const satisfies LastingSupervisorSpec;

const nested = (restart: 'permanent' | 'transient', supervisor: LastingSupervisorSpec): PlainChildSpec => ({
  kind: 'supervisor',
  name: 'inner',
  restart,
  supervisor,
});

async function warningsOf(spec: SupervisorSpec): Promise<readonly string[]> {
  const rig = new Rig();
  await rig.start(spec);
  return rig.events.flatMap((event) => (event.type === 'warning' ? [`${event.path}: ${event.detail}`] : []));
}

describe('warnings at start', () => {
  it('multiply the budgets of levels and name the level that crosses the bound, once', async () => {
    const deep = level(10, nested('permanent', level(10, nested('permanent', level(1)))));
    expect(await warningsOf(deep)).toEqual([
      'root/inner: a failing child is started up to 121 times before the top gives up',
    ]);
    expect(await warningsOf(level(9, nested('permanent', level(9))))).toEqual([]);
  });

  it('end the product below a parking supervisor and above one that is not permanent', async () => {
    expect(await warningsOf(level(10, nested('permanent', { ...level(10), onExhausted: 'park' })))).toEqual(
      [],
    );
    expect(await warningsOf(level(10, nested('transient', level(10))))).toEqual([]);
  });

  it('say when the pauses are too long for the intensity ever to be exceeded', async () => {
    const backoff = { initialMs: 600, maxMs: 600, factor: 1, jitter: 0 };
    expect(await warningsOf({ ...level(2), backoff })).toEqual([
      'root: 2 restarts take at least 1200 ms of pauses, the period is 1000 ms: never exhausted',
    ]);
    expect(await warningsOf({ ...level(1), backoff })).toEqual([]);
  });

  it('say when a worker may take for ever to stop', async () => {
    const endless = {
      ...new Rig().worker('endless', { restart: 'permanent' }),
      shutdown: 'infinity',
    } as const;
    expect(await warningsOf(level(1, endless))).toEqual(['root: endless may take for ever to stop']);
  });
});
