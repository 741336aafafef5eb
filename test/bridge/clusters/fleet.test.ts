import pino from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { childNameOf } from '../../../src/bridge/cluster/cluster.js';
import { ClusterFleet } from '../../../src/bridge/clusters/fleet.js';
import { startSupervisor } from '../../../src/supervision/start.js';
import { hastyWorld } from '../../support/hasty-world.js';
import { clusterNamed } from '../support/clusters.js';

it('starts a cluster again, with the next look, whose parts failed until they were parked', async () => {
  const { clock, random } = hastyWorld();
  let isBroken = true;
  let runs = 0;
  const fleet = new ClusterFleet({
    sources: { followed: async () => [clusterNamed('a'), clusterNamed('b')] },
    clock: { ...clock, schedule: () => ({ cancel: () => undefined }) },
    intervalMs: 60_000,
    logger: pino({ level: 'silent' }),
    create: (link) => ({
      ...{ link, firstList: Promise.resolve(), resume: () => true, relist: () => undefined },
      resetVersions: async () => [],
      spec: () => ({
        kind: 'supervisor',
        name: childNameOf(link.cluster.name),
        restart: 'permanent',
        supervisor: {
          strategy: 'one-for-one',
          onExhausted: 'park',
          children: [
            {
              kind: 'worker',
              name: 'stream',
              restart: 'permanent',
              start: () => {
                runs += 1;
                if (link.cluster.name === 'b' || !isBroken) return {};
                return { exit: Promise.reject(new Error('broken')) };
              },
            },
          ],
        },
      }),
    }),
  });
  const root = await startSupervisor(
    'bridge',
    { strategy: 'one-for-one', children: [fleet.spec()] },
    { clock, random },
  );
  onTestFinished(async () => {
    await root.stop();
  });
  await fleet.start(root);
  const state = (name: string) => root.find(`clusters/${childNameOf(name)}`)?.state;
  await vi.waitFor(() => expect([state('a'), state('b')]).toEqual(['parked', 'running']), {
    timeout: 15_000,
  });
  isBroken = false;
  const before = runs;
  await fleet.refresh();
  expect([state('a'), state('b'), runs]).toEqual(['running', 'running', before + 1]);
});
