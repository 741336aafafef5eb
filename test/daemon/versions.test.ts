import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callContext, instanceId, type RealCore, realCore, stewardCallsOf } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

/** On a busy machine. */
const PATIENCE_MS = 15_000;
const W1 = { owner: 'o1', workspaceId: 'w1' };

let core: RealCore;
let steward: ReturnType<typeof stewardCallsOf>;
beforeEach(async () => {
  core = await realCore({ queues: { setup: { concurrency: 1 } } });
  steward = stewardCallsOf(core);
  await core.calls.initWorkspace(emptyWorkspace('i1'), callContext());
  await write('one');
  await steward.makeBackup({ instanceId: 'i1', acceptShrink: false }, callContext());
});
afterEach(() => core.close());

const content = (name: string) => join(core.area.workspaces, 'i1', name);
const write = (said: string) => writeFile(content('work.txt'), said);
const step = () => core.core.instances.find(instanceId('i1'))?.view.step;
const setups = () => core.core.queues.state('setup');

/** The last answer of a call that ends when `leaving` aborts. */
async function verified(leaving = new AbortController()) {
  let last: unknown;
  const call = { ...callContext(), signal: leaving.signal };
  for await (const answer of steward.verifyBackup({ ...W1, generation: 1n, drill: true }, call))
    last = answer;
  return last;
}

/** Lets so many calls read their manifests, which they are about to, and holds the archives after them. */
async function holdingArchives(calls: number): Promise<void> {
  await vi.waitFor(() => expect(core.storage.waiting('get')).toBe(calls), { timeout: 15_000 });
  core.storage.release('get');
  core.storage.hold('get');
  await vi.waitFor(() => expect(setups()).toMatchObject({ running: 1, waiting: calls - 1 }), {
    timeout: 15_000,
  });
}

describe('work over stored versions', () => {
  it('takes turns, and stops when its caller leaves, in its turn or waiting for it', async () => {
    const [reading, waiting] = [new AbortController(), new AbortController()];
    core.storage.hold('get');
    const calls = Promise.allSettled([verified(reading), verified(waiting)]);
    await holdingArchives(2);
    waiting.abort(new Error('second left'));
    await vi.waitFor(() => expect(setups()).toMatchObject({ running: 1, waiting: 0 }), { timeout: 15_000 });
    reading.abort(new Error('first left'));
    expect(await calls).toMatchObject([
      { status: 'rejected', reason: { message: 'first left' } },
      { status: 'rejected', reason: { message: 'second left' } },
    ]);
    expect(setups()).toMatchObject({ running: 0, waiting: 0 });
    expect(await readdir(core.area.scratch)).toEqual([]);
    core.storage.release('get');
    expect(await verified()).toMatchObject({ event: { $case: 'verified' } });
  });

  it('does not delete a version while a backup that may build on it is made', async () => {
    await write('two');
    core.storage.hold('put');
    const backup = steward.makeBackup({ instanceId: 'i1', acceptShrink: false }, callContext());
    await vi.waitFor(() => expect(core.core.queues.state('backup').running).toBe(1), { timeout: 15_000 });
    let isDeleted = false;
    const request = { ...W1, generation: 1n, force: true, dryRun: false, reason: '' };
    const deletion = steward.deleteBackup(request, callContext()).then(() => {
      isDeleted = true;
    });
    await steward.listBackups({ ...W1, pageSize: 0, pageToken: '' }, callContext());
    expect(isDeleted).toBe(false);
    core.storage.release('put');
    await Promise.all([backup, deletion]);
    const call = callContext();
    const { backups } = await steward.listBackups({ ...W1, pageSize: 0, pageToken: '' }, call);
    expect(backups.map(({ generation }) => generation)).toEqual([2n]);
    for await (const _ of steward.verifyBackup({ ...W1, generation: 2n, drill: true }, call));
  });

  it('puts nothing into content that was given up while the version was unpacked', async () => {
    core.storage.hold('get');
    const target = { $case: 'intoInstance', value: { instanceId: 'i1', path: '' } } as const;
    const restoring = (async () => {
      const request = { ...W1, generation: 1n, paths: ['work.txt'], target };
      for await (const _ of steward.restoreBackup(request, callContext()));
    })();
    const ended = restoring.catch((error: unknown) => error);
    await holdingArchives(1);
    await write('newer');
    const { dispose, removal } = disposing();
    core.storage.release('get');
    // Who comes to the content last waits for the other one, also for its removal.
    await Promise.race([ended, vi.waitFor(() => expect(step()).toBe('wrappingUp.removing'), PATIENCE_MS)]);
    expect(await readFile(content('work.txt'), 'utf8')).toBe('newer');
    removal();
    expect(await ended).toMatchObject({ code: 'wrong-state' });
    await dispose;
    expect(await readdir(core.area.workspaces)).not.toContain('i1');
  });

  it('lets no instance begin while what it would begin from is being deleted', async () => {
    await core.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
    core.storage.hold('list');
    const what = { $case: 'workspaceId', value: 'w1' } as const;
    const request = { owner: 'o1', what, includeSnapshots: true, dryRun: false, reason: 'to try it' };
    const deletion = steward.deleteStoredContent(request, callContext());
    const begin = (instance: string, workspace?: string) =>
      core.calls.initWorkspace(emptyWorkspace(instance, workspace), callContext());
    await expect(begin('i2')).rejects.toMatchObject({ code: 'workspace-busy' });
    core.storage.release('list');
    expect((await deletion).objects).toBeGreaterThan(0n);
    await begin('i2');
    expect(await readdir(join(core.area.workspaces, 'i2'))).not.toContain('work.txt');
  });
});

function disposing() {
  const removal = core.holdRemoval();
  const dispose = core.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
  return { dispose, removal };
}
