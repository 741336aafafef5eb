import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attachment } from '../../machines/content-attachments.js';
import { callContext, instanceId, type RealCore, realCore } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

const i1 = instanceId('i1');
const proc: Attachment = { kind: 'mount', plan: { name: 'proc', type: 'proc', target: '/proc' } };

describe('what is attached to content', () => {
  let daemon: RealCore;

  beforeEach(async () => {
    daemon = await realCore();
    await daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());
  });
  afterEach(async () => daemon.close());

  it('is on disk before anything is done, fails honestly, and costs neither the content nor its backup', async () => {
    const moves: string[] = [];
    daemon.core.publisher.onTransition(({ actor, from, to }) => {
      if (actor === 'mount:proc') moves.push(`${from} → ${to}`);
    });
    const instance = daemon.core.instances.get(i1);
    instance.send({ type: 'ATTACH', at: daemon.world.clock.now(), attachment: proc });
    await expect
      .poll(() => daemon.core.records.read(i1)?.attachments)
      .toEqual([{ attachment: proc, step: 'attaching' }]);
    await expect.poll(() => instance.view.context.failure?.code, { timeout: 10_000 }).toBe('not-implemented');
    expect(instance.view).toMatchObject({ state: 'AVAILABLE', context: { attachments: [] } });
    await daemon.calls.backupWorkspace({ id: 'i1' }, callContext());
    expect(moves).toEqual([
      ...['absent → recordingMount', 'recordingMount → mounting', 'mounting → unmounting'],
      ...['unmounting → pausing', 'pausing → surveying', 'surveying → pausing'],
      ...['pausing → surveying', 'surveying → pausing', 'pausing → surveying', 'surveying → leaked'],
    ]);
    // What may be left of it is known for as long as the instance is. Nothing changed since that backup: it is the last.
    expect(daemon.core.records.read(i1)?.attachments).toHaveLength(1);
    await daemon.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
    expect(daemon.core.records.finished(i1)).toMatchObject({ finalBackup: { generation: 1 } });
  }, 30_000);

  it('is taken away before the content is saved, even while it still is being attached', async () => {
    const instance = daemon.core.instances.get(i1);
    instance.send({ type: 'ATTACH', at: daemon.world.clock.now(), attachment: proc });
    await daemon.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
    expect(daemon.core.records.finished(i1)).toMatchObject({ finalBackup: { generation: 1 } });
  }, 30_000);
});
