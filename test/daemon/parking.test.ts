import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecoverRequest } from '../../src/gen/steward/v1/content_service.js';
import {
  type CoreChanges,
  callContext,
  instanceId,
  type RealCore,
  realCore,
  stewardCallsOf,
} from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

const i1 = instanceId('i1');
/** Never by itself in a test. */
const LONG_MS = 3_600_000;
const POLL = { interval: 20, timeout: 10_000 };

let daemon: RealCore;

beforeEach(async () => {
  daemon = await realCore({ backupPeriodMs: LONG_MS });
});
afterEach(async () => daemon.close());

describe('content that somebody parks', () => {
  it('is left alone: no job, no timer, no Dispose, until it is resumed', async () => {
    await init();
    await writeFile(join(content(), 'work.txt'), 'not to be lost');
    const { content: status } = await recover('park');
    expect(status).toMatchObject({ step: 'parked', parked: { reason: 'because of the test' } });
    const parked = expect.objectContaining({
      code: 'parked',
      message: expect.stringContaining('because of the test'),
    });
    await expect(backup()).rejects.toEqual(parked);
    await expect(dispose()).rejects.toEqual(parked);
    expect(daemon.core.instances.find(i1)?.timer).toBeUndefined();
    expect(await daemon.calls.isWorkspaceExists({ id: 'i1' }, callContext())).toEqual({ exists: true });
    await expect(daemon.calls.initWorkspace(emptyWorkspace('i2'), callContext())).rejects.toMatchObject({
      code: 'workspace-busy',
    });
    await recover('resume');
    expect((await backup()).url).toContain('o1/workspaces/w1/');
    await dispose();
  });

  it('stays parked over restarts, and says why; its timer stands still meanwhile and makes up for it', async () => {
    const periodMs = 100;
    await restart({ backupPeriodMs: periodMs });
    await init();
    await expect.poll(() => daemon.core.records.read(i1)?.timer, POLL).toBeDefined();
    await recover('park');
    const before = daemon.core.records.read(i1);
    await restart({ backupPeriodMs: periodMs });
    expect(daemon.core.instances.find(i1)).toBeUndefined();
    const { content: status } = await stewardCallsOf(daemon).getContent({ instanceId: 'i1' }, callContext());
    const sinceMs = BigInt(before?.parked?.at ?? 0);
    expect(status?.parked).toEqual({ reason: 'because of the test', sinceMs });
    expect(status?.backupAtRiskSinceMs).toBeDefined();
    const dueAt = before?.timer?.nextAt ?? 0;
    await expect.poll(() => Date.now(), POLL).toBeGreaterThan(dueAt);
    expect(daemon.core.records.read(i1)?.timer).toEqual(before?.timer);
    await recover('resume');
    await expect.poll(() => daemon.core.instances.find(i1)?.timer?.nextAt, POLL).toBeGreaterThan(dueAt);
    await restart({ backupPeriodMs: LONG_MS });
    await expect.poll(() => daemon.core.instances.find(i1)?.view.step, POLL).toMatch(/^available/);
  });

  it('ends a backup under way, whose caller is told, and is tried again by `retry`', async () => {
    await init();
    await mkdir(join(content(), 'folder'));
    daemon.storage.hold('put');
    const refused = expect(backup()).rejects.toMatchObject({ code: 'parked' });
    await expect.poll(() => daemon.core.instances.get(i1).view.step, POLL).toBe('available.working');
    const parking = recover('park');
    await refused;
    daemon.storage.release('put');
    await parking;
    expect((await recover('retry')).content?.parked).toBeUndefined();
    expect((await backup()).url).toContain('o1/workspaces/w1/');
  });

  it('stops the attempts of a wrap-up that cannot save it, and goes on with that when it is resumed', async () => {
    await init();
    await writeFile(join(content(), 'work.txt'), 'not to be lost');
    daemon.storage.fail('put');
    await expect(dispose()).rejects.toMatchObject({ message: expect.stringContaining('kept') });
    await recover('park');
    daemon.storage.mend('put');
    expect(await readFile(join(content(), 'work.txt'), 'utf8')).toBe('not to be lost');
    expect(daemon.core.records.read(i1)).toMatchObject({ step: 'wrapping-up' });
    await recover('resume');
    await expect.poll(() => daemon.core.records.finished(i1)?.finalBackup?.generation, POLL).toBe(1);
  });

  it('goes only when somebody abandons it, and history keeps who decided what, and why', async () => {
    await init();
    await recover('park');
    await recover('abandon');
    expect(daemon.core.records.finished(i1)).toMatchObject({
      disposal: { backup: false, reason: expect.stringContaining('because of the test') },
    });
    const history = await daemon.core.journal.readInstance('i1', 100);
    const said = history
      .filter(({ actor }) => actor === 'person')
      .map(({ to, detail }) => `${to}: ${detail}`);
    expect(said).toEqual(['park: because of the test (by test)', 'abandon: because of the test (by test)']);
  });

  it('is refused while its set-up has not got a record', async () => {
    await expect(recover('park')).rejects.toMatchObject({ code: 'unknown-instance' });
  });
});

async function restart(changes: CoreChanges = {}): Promise<void> {
  const { folder } = daemon;
  await daemon.stop();
  daemon = await realCore({ ...changes, folder });
}

type Action = NonNullable<RecoverRequest['action']>;

const ACTIONS: Readonly<Record<Action['$case'], Action>> = {
  park: { $case: 'park', value: {} },
  resume: { $case: 'resume', value: {} },
  retry: { $case: 'retry', value: {} },
  abandon: { $case: 'abandon', value: { confirmInstanceId: 'i1' } },
};

const recover = (action: Action['$case']) =>
  stewardCallsOf(daemon).recover(
    { instanceId: 'i1', reason: 'because of the test', action: ACTIONS[action] },
    callContext(),
  );
const init = () => daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());
const backup = () => daemon.calls.backupWorkspace({ id: 'i1' }, callContext());
const dispose = () =>
  daemon.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
const content = () => daemon.area.contentOf(i1);
