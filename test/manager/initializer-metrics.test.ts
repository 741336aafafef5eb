import { describe, expect, test } from 'vitest';
import type { StepMetric } from '../../machines/content-types.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { Rig, startRequest } from './rig.js';

const ID = 'instance-1';

async function running(setUpMetrics: (signal: AbortSignal) => Promise<readonly StepMetric[]>): Promise<Rig> {
  const rig = new Rig();
  rig.node.setUpMetrics = setUpMetrics;
  await rig.start();
  await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
  await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
  return rig;
}

describe('what the set-up of the content took', () => {
  test('is told as soon as the content is there, those of one kind as one, and survives a crash', async () => {
    const rig = await running(async () => [
      { type: 'git', durationMs: 1_200.4, sizeBytes: 100 },
      { type: 'git', durationMs: 300, sizeBytes: 50 },
      { type: 'composite', durationMs: 1_700, sizeBytes: 150 },
    ]);
    const told = {
      git: { duration: { seconds: 1n, nanos: 500_000_000 }, size: 150n },
      composite: { duration: { seconds: 1n, nanos: 700_000_000 }, size: 150n },
      ...{ fileDownload: undefined, snapshot: undefined, backup: undefined, prebuild: undefined },
    };
    expect((await rig.status(ID)).initializerMetrics).toEqual(told);
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).initializerMetrics).toEqual(told);
  });

  test.each(['internal', 'unavailable', 'unknown-instance'] as const)(
    'is left out when the daemon says %s, and the start goes on',
    async (code) => {
      const rig = await running(() => Promise.reject(new StewardError(code, 'it does not say')));
      expect((await rig.status(ID)).initializerMetrics).toBeUndefined();
    },
  );

  test('is not waited for long', async () => {
    const askedAt = new Rig().clock.now();
    const rig = await running(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    expect(rig.clock.now() - askedAt).toBeLessThan(10_000);
    expect((await rig.status(ID)).initializerMetrics).toBeUndefined();
  });
});
