import { afterEach, beforeEach, expect, it } from 'vitest';
import { realWorld } from '../../../src/gateways/real/world.js';
import { callContext, instanceId, type RealCore, realCore } from '../../support/core.js';
import { emptyWorkspace } from '../../support/real-daemon.js';

let daemon: RealCore;
let progress: string[];

beforeEach(async () => {
  progress = [];
  await open();
  daemon.storage.hold('list');
});
afterEach(async () => daemon.close());

async function open(folder?: string): Promise<void> {
  daemon = await realCore({
    ...(folder === undefined ? {} : { folder }),
    queues: { setup: { concurrency: 1 } },
    listener: { progress: ({ identity }, step) => progress.push(`${identity.instance} ${step}`) },
  });
}

it('lets set-ups wait for their turn, visibly, in the order they came', async () => {
  const ready = [await running('i1', 'w1'), await waiting('i2', 'w2'), await waiting('i3', 'w3')];
  expect(progress).toEqual(['i2 queued', 'i3 queued']);
  daemon.storage.release('list');
  await Promise.all(ready.map(({ done }) => done));
  expect(stepOf('i3')).toBe('available.idle');
});

it('lets one that waits be disposed at once', async () => {
  const first = await running('i1', 'w1');
  const second = await waiting('i2', 'w2');
  await daemon.calls.disposeWorkspace({ id: 'i2', backup: false, backupLogs: false }, callContext());
  expect(await second.done).toBeInstanceOf(Error);
  expect(daemon.core.queues.state('setup')).toMatchObject({ running: 1, waiting: 0 });
  daemon.storage.release('list');
  expect(await first.done).toBeUndefined();
});

it('does not let a stop wait for what has no turn yet, which goes on in the next life, in its turn', async () => {
  const first = await running('i1', 'w1');
  const others = [await waiting('i2', 'w2'), await waiting('i3', 'w3')];
  const { instances, queues } = daemon.core;
  instances.drain();
  queues.drain();
  daemon.storage.release('list');
  await instances.settleJobs(realWorld().clock, 3_600_000, (instance) => queues.isWaiting(instance));
  expect(await first.done).toBeUndefined();
  expect(queues.state('setup')).toMatchObject({ running: 0, waiting: 2 });
  await daemon.stop();
  await Promise.all(others.map(({ done }) => done));

  progress = [];
  await open(daemon.folder);
  await expect.poll(() => [stepOf('i2'), stepOf('i3')]).toEqual(['available.idle', 'available.idle']);
  expect(progress.filter((line) => line.endsWith('queued'))).toHaveLength(1);
});

/** Its answer, undefined or the error, comes as `done`. */
async function running(instance: string, workspace: string) {
  const done = init(instance, workspace).catch((error: unknown) => error);
  await expect.poll(() => daemon.core.queues.state('setup').running).toBe(1);
  return { done };
}

async function waiting(instance: string, workspace: string) {
  const done = init(instance, workspace).catch((error: unknown) => error);
  await expect.poll(() => daemon.core.queues.isWaiting(instance)).toBe(true);
  return { done };
}

async function init(instance: string, workspace: string): Promise<void> {
  await daemon.calls.initWorkspace(emptyWorkspace(instance, workspace), callContext());
  await daemon.calls.waitForInit({ id: instance }, callContext());
}

function stepOf(instance: string): string | undefined {
  return daemon.core.instances.find(instanceId(instance))?.view.step;
}
