import { describe, expect, it } from 'vitest';
import { KILL_MS, WORKER_SHUTDOWN_MS, WORKER_START_MS } from '../../src/supervision/bounds.js';
import { type Fault, type FaultPoint, type FaultPoints, seededFaults } from '../../src/supervision/faults.js';
import type { LastingSupervisorSpec } from '../../src/supervision/spec.js';
import { AT_ONCE, Rig } from './rig.js';

/** The fault at the first run of root/child only. */
function once(point: FaultPoint, fault: Fault): FaultPoints {
  let left = 1;
  return {
    at(asked, path) {
      if (asked !== point || path !== 'root/child' || left === 0) return undefined;
      left -= 1;
      return fault;
    },
  };
}

const spec: LastingSupervisorSpec = { strategy: 'dynamic', childKind: 'worker', ...AT_ONCE };

async function childUnder(rig: Rig, faults: FaultPoints) {
  const root = await rig.start(spec, faults);
  const started = root.startChild(rig.worker('child', { restart: 'permanent', passive: true }));
  return { root, started };
}

describe('fault points', () => {
  it('crash at start fails the start', async () => {
    const { started } = await childUnder(new Rig(), once('start', { kind: 'crash', afterMs: 0 }));
    expect(await started).toMatchObject({ result: 'failed', error: { message: 'injected crash at start' } });
  });

  it('slow at start delays it', async () => {
    const rig = new Rig();
    const { started } = await childUnder(rig, once('start', { kind: 'slow', afterMs: 70 }));
    await rig.clock.advance(70);
    expect(await started).toMatchObject({ result: 'started' });
    expect(rig.events.find(({ type }) => type === 'started')?.at).toBe(70);
  });

  it('hang at start ends with the start deadline, as leaked', async () => {
    const rig = new Rig();
    const { started } = await childUnder(rig, once('start', { kind: 'hang' }));
    await rig.clock.advance(WORKER_START_MS + KILL_MS);
    expect(await started).toMatchObject({ result: 'failed' });
    expect(rig.news('leak')).toEqual(['leak child']);
  });

  it('crash in a run ends it abnormally, and it is restarted', async () => {
    const rig = new Rig();
    await childUnder(rig, once('run', { kind: 'crash', afterMs: 30 }));
    await rig.clock.advance(30);
    expect(rig.news('exit', 'start')).toEqual(['start child', 'exit child', 'start child']);
  });

  it('crash, slowness and hanging at stop end as the rules say', async () => {
    for (const [fault, afterMs, outcome] of [
      [{ kind: 'crash', afterMs: 0 }, 0, 'forced'],
      [{ kind: 'slow', afterMs: 40 }, 40, 'clean'],
      [{ kind: 'hang' }, WORKER_SHUTDOWN_MS + KILL_MS, 'leaked'],
    ] as const) {
      const rig = new Rig();
      const { root, started } = await childUnder(rig, once('stop', fault));
      await started;
      const stopped = root.stop();
      await rig.clock.advance(WORKER_SHUTDOWN_MS + KILL_MS);
      expect(await stopped).toMatchObject({ outcome });
      expect(rig.events.find(({ type }) => type === 'stopped')?.at).toBe(afterMs);
    }
  });

  it('seeded rules hit the same runs for the same seed, and about as often as they say', async () => {
    const hits = () => {
      const rule = { point: 'start', path: /child/, probability: 0.3, fault: { kind: 'hang' } } as const;
      const faults = seededFaults(new Rig().random, [rule]);
      return Array.from({ length: 1_000 }, (_, run) => faults.at('start', 'root/child', run)?.kind ?? '');
    };
    const first = hits();
    expect(hits()).toEqual(first);
    const share = first.filter((kind) => kind === 'hang').length / 1_000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
  });
});
