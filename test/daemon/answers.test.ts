import { Metadata, status } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toStewardError } from '../../src/errors/steward-error.js';
import type { CallContext } from '../../src/grpc/service-types.js';
import { readAnswersTable } from '../support/answers-table.js';
import { type RealCore, realCore } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

/** What the set-up that fails here fails with: its storage cannot be listed. */
const STORAGE_FAULT = 'UNAVAILABLE';

/** The table of docs/answers.md, tried cell by cell against a daemon with real files and real tar. */
const table = readAnswersTable();

describe.each(table)('an instance that is $state', ({ state, answers }) => {
  let daemon: RealCore;

  beforeEach(async () => {
    daemon = await realCore();
  });
  afterEach(async () => daemon.close());

  it.each(answers)('answers $call with $answer', async ({ call, answer }) => {
    const letGo = await reach(daemon, state);
    const [now, later] = answer.startsWith('waits')
      ? ['waits', answer.slice('waits → '.length)]
      : [answer, undefined];
    const outcome = perform(daemon, call);
    if (now === 'waits' && letGo !== undefined) {
      expect(await Promise.race([outcome, quietly()])).toBe('waits');
      letGo();
    }
    expect(await outcome).toBe(now === 'the reason' ? STORAGE_FAULT : (later ?? now));
  });
});

/** Brings instance i1 into a state; answers what lets it leave, where it would stay by itself. */
async function reach(daemon: RealCore, state: string): Promise<(() => void) | undefined> {
  const { storage, calls } = daemon;
  const init = () => calls.initWorkspace(emptyWorkspace('i1'), callContext());
  const dispose = (backup: boolean) =>
    calls.disposeWorkspace({ id: 'i1', backup, backupLogs: false }, callContext());
  switch (state) {
    case 'unknown':
      return undefined;
    case 'setting up':
      storage.hold('list');
      init().catch(() => undefined);
      await step(daemon, 'settingUp.initializing');
      return () => storage.release('list');
    case 'available':
      await init();
      return undefined;
    case 'wrapping up, before the backup':
      await init();
      storage.hold('list');
      dispose(true).catch(() => undefined);
      await step(daemon, 'wrappingUp.backingUp');
      return () => storage.release('list');
    case 'wrapping up, stranded':
      await init();
      storage.fail('put');
      await dispose(true).catch(() => undefined);
      await step(daemon, 'wrappingUp.stranded');
      storage.mend('put');
      return undefined;
    case 'wrapping up, removing':
      return reachRemoving(daemon, init, () => dispose(true));
    case 'wrapping up, removing without backup':
      return reachRemoving(daemon, init, () => dispose(false));
    case 'finished':
      await init();
      await dispose(true);
      return undefined;
    case 'finished without backup':
      await init();
      await dispose(false);
      return undefined;
    case 'set-up failed':
      storage.fail('list');
      await init().catch(() => undefined);
      storage.mend('list');
      await expect.poll(() => daemon.core.instances.owns(emptyId())).toBe(false);
      return undefined;
    default:
      throw new Error(`docs/answers.md has a state this test cannot reach: ${state}`);
  }
}

/** Removal is recorded, after a verified backup if there was to be one; the content is about to go. */
async function reachRemoving(
  daemon: RealCore,
  init: () => Promise<unknown>,
  dispose: () => Promise<unknown>,
): Promise<() => void> {
  await init();
  const removal = daemon.holdRemoval();
  dispose().catch(() => undefined);
  await step(daemon, 'wrappingUp.removing');
  return removal;
}

async function perform(daemon: RealCore, call: string): Promise<string> {
  const { calls } = daemon;
  const request = emptyWorkspace('i1');
  try {
    switch (call) {
      case 'Init, same request':
        await calls.initWorkspace(request, callContext());
        return 'OK';
      case 'Init, another request':
        await calls.initWorkspace({ ...request, storageQuotaBytes: 1n }, callContext());
        return 'OK';
      case 'WaitForInit':
        await calls.waitForInit({ id: 'i1' }, callContext());
        return 'OK';
      case 'IsWorkspaceExists':
        return String((await calls.isWorkspaceExists({ id: 'i1' }, callContext())).exists);
      case 'TakeSnapshot':
        await calls.takeSnapshot({ id: 'i1', returnImmediately: false }, callContext());
        return 'OK';
      case 'BackupWorkspace':
        await calls.backupWorkspace({ id: 'i1' }, callContext());
        return 'OK';
      case 'Dispose with backup':
        await calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
        return 'OK';
      case 'Dispose without backup':
        await calls.disposeWorkspace({ id: 'i1', backup: false, backupLogs: false }, callContext());
        return 'OK';
      default:
        throw new Error(`docs/answers.md has a call this test does not know: ${call}`);
    }
  } catch (error) {
    return status[toStewardError(error).entry.status] ?? 'UNKNOWN';
  }
}

function callContext(): CallContext {
  return {
    method: '/test',
    peer: 'test',
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    metadata: new Metadata(),
    logger: pino({ level: 'silent' }),
  };
}

async function step(daemon: RealCore, wanted: string): Promise<void> {
  await expect.poll(() => daemon.core.instances.find(emptyId())?.view.step, { interval: 5 }).toBe(wanted);
}

function emptyId() {
  return 'i1' as Parameters<RealCore['core']['instances']['find']>[0];
}

/** Long enough for anything that does not wait, short enough for forty cells. */
function quietly(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('waits'), 150));
}
