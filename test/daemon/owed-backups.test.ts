import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callContext, instanceId, type RealCore, realCore } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

const i1 = instanceId('i1');
const i2 = instanceId('i2');
const POLL = { timeout: 20_000, interval: 20 };

let daemon: RealCore;

beforeEach(async () => {
  daemon = await realCore({ backupPeriodMs: 0 });
  await daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());
  await writeFile(join(daemon.area.contentOf(i1), 'work.txt'), 'when it was asked for');
});
afterEach(async () => daemon.close());

describe('a backup that was asked for when the daemon ended', () => {
  it('is made by the next daemon, of what is there then', async () => {
    daemon.storage.hold('put');
    daemon.calls.backupWorkspace({ id: 'i1' }, callContext()).catch(() => undefined);
    await expect.poll(() => daemon.core.records.read(i1)?.jobs, POLL).toMatchObject([{ kind: 'backup' }]);
    const { folder } = daemon;
    await daemon.stop();
    await writeFile(join(daemon.area.contentOf(i1), 'work.txt'), 'when it was made');
    daemon = await realCore({ folder, backupPeriodMs: 0 });
    await expect.poll(() => daemon.core.records.read(i1)?.lastBackup, POLL).toMatchObject({ generation: 1 });

    await daemon.calls.disposeWorkspace({ id: 'i1', backup: false, backupLogs: false }, callContext());
    await daemon.calls.initWorkspace(emptyWorkspace('i2'), callContext());
    const restored = await readFile(join(daemon.area.contentOf(i2), 'work.txt'), 'utf8');
    expect(restored).toBe('when it was made');
  });
});
