import PQueue from 'p-queue';
import { expect, it, vi } from 'vitest';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import { InstanceMailboxes, type Lane } from '../../../src/bridge/pipeline/instance-mailboxes.js';
import type { InstanceWork, Outcome } from '../../../src/bridge/pipeline/instance-writer.js';
import { ManualClock, steadyRandom } from '../support/manual-clock.js';
import { statusOf } from '../support/statuses.js';

const ignored = () => undefined;

function written({ instance }: InstanceWork): Outcome {
  const nothing = { told: [], contradictory: 0, before: undefined, change: undefined, forced: false };
  return { instance, kind: 'skipped', ...nothing };
}

it('a transaction is kept free for live updates where there may be several', async () => {
  const writes: (readonly InstanceWork[])[] = [];
  let letGo: () => void = ignored;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const mailboxes = new InstanceMailboxes({
    write: async (work) => {
      writes.push(work);
      await held;
      return work.map(written);
    },
    databaseWork: new PQueue({ concurrency: 3 }),
    ...{ clock: new ManualClock(), random: steadyRandom, onObserverFailed: ignored },
    observer: { outdated: ignored, settled: ignored, failed: ignored, fenced: ignored },
  });
  const tell = (id: string, lane: Lane) => {
    const update = acceptStatus('c', statusOf({ id, version: 1n, phase: 'running' }), 0);
    if (!('refused' in update)) mailboxes.accept(update, lane);
  };
  for (let index = 0; index < 1_000; index += 1) tell(`listed-${index}`, 'listed');
  await vi.waitFor(() => expect(writes).toHaveLength(2));
  tell('live', 'live');
  await vi.waitFor(() => expect(writes).toHaveLength(3));
  expect(writes[2]?.[0]?.instance).toBe('live');
  letGo();
  await mailboxes.settled();
  expect(new Set(writes.flat().map(({ instance }) => instance)).size).toBe(1_001);
});
