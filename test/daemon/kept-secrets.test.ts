import { describe, expect, it } from 'vitest';
import { WorkingArea } from '../../src/daemon/area.js';
import { PREPARE_DEADLINE_MS } from '../../src/daemon/bounds.js';
import { SecretStore } from '../../src/daemon/instance/secrets.js';
import { inTime } from '../../src/gateways/deadline.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { instanceId } from '../support/core.js';

const i1 = instanceId('i1');

describe('credentials of a set-up', () => {
  it.each(['remove', 'write'] as const)(
    'are those of the last try, although a %s of an earlier one came late',
    async (slow) => {
      const world = SimulatedWorld.fromSeed(1);
      const store = new SecretStore(world, new WorkingArea('/state', '/secrets'));
      await store.open();
      let isFirst = true;
      world.files.faults = {
        at: (operation) => {
          if (operation !== slow || !isFirst) return undefined;
          isFirst = false;
          return { latencyMs: 3 * PREPARE_DEADLINE_MS };
        },
      };
      const first = inTime(world.clock, PREPARE_DEADLINE_MS, 'keeping', store.keep(i1, { at: 'the first' }));
      first.catch(() => undefined);
      await world.time.advance(PREPARE_DEADLINE_MS);
      await expect(first).rejects.toThrow(/keeping/);
      const dropping = store.drop(i1);
      const second = store.keep(i1, { at: 'the second' });
      await world.time.advance(4 * PREPARE_DEADLINE_MS);
      await Promise.all([dropping, second]);
      expect(await store.read(i1)).toEqual({ at: 'the second' });
      await store.drop(i1);
      expect(await store.read(i1)).toBeUndefined();
    },
  );

  it('are kept although an earlier try failed', async () => {
    const world = SimulatedWorld.fromSeed(1);
    const store = new SecretStore(world, new WorkingArea('/state', '/secrets'));
    await store.open();
    world.files.faults = { at: (operation) => (operation === 'write' ? { code: 'ENOSPC' } : undefined) };
    await expect(store.keep(i1, { at: 'the first' })).rejects.toMatchObject({ code: 'disk-full' });
    world.files.faults = { at: () => undefined };
    await store.keep(i1, { at: 'the second' });
    expect(await store.read(i1)).toEqual({ at: 'the second' });
  });
});
