import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnapshotState } from '../../src/gen/steward/v1/backup.js';
import { callContext, instanceId, type RealCore, realCore, stewardCallsOf } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

const i1 = instanceId('i1');
const { SNAPSHOT_STATE_PENDING: PENDING, SNAPSHOT_STATE_AVAILABLE: AVAILABLE } = SnapshotState;
const { SNAPSHOT_STATE_FAILED: FAILED } = SnapshotState;

let daemon: RealCore;

beforeEach(async () => {
  daemon = await realCore({ backupPeriodMs: 0 });
  await daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());
  await writeFile(join(daemon.area.contentOf(i1), 'work.txt'), 'work');
});
afterEach(async () => daemon.close());

describe('a snapshot promised by its name', () => {
  it('is promised durably while another job runs, and is made after it', async () => {
    daemon.storage.hold('put');
    const backup = daemon.calls.backupWorkspace({ id: 'i1' }, callContext());
    await step('available.working');
    const { url } = await promise();
    expect(daemon.core.records.read(i1)).toMatchObject({
      jobs: [{ kind: 'backup' }, { kind: 'snapshot' }],
      snapshots: [{ state: 'pending' }],
    });
    expect(await shown()).toEqual([[url, PENDING]]);
    daemon.storage.release('put');
    await backup;
    await expect.poll(shown, POLL).toEqual([[url, AVAILABLE]]);
    const other = await daemon.calls.takeSnapshot({ id: 'i1', returnImmediately: false }, callContext());
    expect(other.url).not.toBe(url);
  });

  it('is made before the content goes, and is known for as long as the id is', async () => {
    daemon.storage.hold('put');
    daemon.calls.backupWorkspace({ id: 'i1' }, callContext()).catch(() => undefined);
    await step('available.working');
    const { url } = await promise();
    const waiting = daemon.calls.takeSnapshot({ id: 'i1', returnImmediately: false }, callContext());
    const disposed = dispose(false);
    await expect.poll(() => daemon.core.instances.find(i1)?.view.state, POLL).toBe('WRAPPING_UP');
    daemon.storage.release('put');
    const second = await waiting;
    await disposed;
    expect(await shown()).toEqual([
      [url, AVAILABLE],
      [second.url, AVAILABLE],
    ]);
  });

  it('is made after a restart in the middle of the wrap-up', async () => {
    daemon.storage.hold('put');
    daemon.calls.backupWorkspace({ id: 'i1' }, callContext()).catch(() => undefined);
    await step('available.working');
    const { url } = await promise();
    dispose(true).catch(() => undefined);
    await expect.poll(() => daemon.core.records.read(i1)?.step, POLL).toBe('wrapping-up');
    const { folder } = daemon;
    await daemon.stop();
    daemon = await realCore({ folder, backupPeriodMs: 0 });
    await expect.poll(() => daemon.core.records.finished(i1), POLL).toBeDefined();
    expect(await shown()).toEqual([[url, AVAILABLE]]);
    expect(daemon.core.records.finished(i1)?.finalBackup).toBeDefined();
  });

  it('that cannot be made has its reason on disk, and keeps nothing from being removed', async () => {
    daemon.storage.fail('put');
    const { url } = await promise();
    await expect.poll(shown, POLL).toEqual([[url, FAILED]]);
    await expect
      .poll(() => daemon.core.records.read(i1)?.snapshots, POLL)
      .toMatchObject([{ state: 'failed', failure: { code: 'storage-unavailable' } }]);
    await dispose(false);
    expect(await shown()).toEqual([[url, FAILED]]);
  });
});

const POLL = { interval: 20, timeout: 10_000 };
const promise = () => daemon.calls.takeSnapshot({ id: 'i1', returnImmediately: true }, callContext());
const dispose = (backup: boolean) =>
  daemon.calls.disposeWorkspace({ id: 'i1', backup, backupLogs: false }, callContext());
const step = (wanted: string) =>
  expect.poll(() => daemon.core.instances.find(i1)?.view.step, POLL).toBe(wanted);

async function shown() {
  const { content } = await stewardCallsOf(daemon).getContent({ instanceId: 'i1' }, callContext());
  return content?.snapshots.map(({ url, state }) => [url, state]);
}
