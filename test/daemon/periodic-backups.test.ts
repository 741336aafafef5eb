import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SHRINK_MIN_BYTES } from '../../src/content/bounds.js';
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
const PERIOD_MS = 400;
/** Never by itself in a test. */
const LONG_MS = 3_600_000;

let daemon: RealCore;

afterEach(async () => daemon.close());

describe('the backup timer of content in use', () => {
  beforeEach(async () => {
    daemon = await realCore({ backupPeriodMs: PERIOD_MS });
  });

  it('saves what changes without anybody asking, and says when the next one is due', async () => {
    await init();
    await writeFile(join(content(), 'work.txt'), 'saved by itself');
    await expect.poll(committed, POLL).toHaveLength(1);
    await expect.poll(async () => (await contentStatus())?.lastBackup?.generation, POLL).toBe(1n);
    const { since } = daemon.core.instances.get(i1).view.context;
    expect((await contentStatus())?.nextBackupMs).toBeGreaterThan(BigInt(since));
  });

  it('leaves by the one door, as an actor of its own', async () => {
    const moves: string[] = [];
    daemon.core.publisher.onTransition(({ actor, from, to, cause }) => {
      if (actor === 'timer:backup') moves.push(`${from} → ${to} (${cause})`);
    });
    await init();
    await expect.poll(() => moves, POLL).toContain('running → recording (BACKUP_DONE)');
    expect(moves.slice(0, 3)).toEqual([
      'off → recording (start)',
      'recording → waiting (recording.done)',
      'waiting → running (waiting.done)',
    ]);
    await dispose();
    expect(moves.at(-1)).toMatch(/→ stopped/);
  });

  it('tries again after a failure, shows the risk meanwhile, and no more once a backup is there', async () => {
    await init();
    const { since } = daemon.core.instances.get(i1).view.context;
    daemon.storage.fail('put');
    await expect.poll(async () => (await contentStatus())?.backupAtRiskSinceMs, POLL).toBe(BigInt(since));
    daemon.storage.mend('put');
    const { url } = await daemon.calls.backupWorkspace({ id: 'i1' }, callContext());
    expect(url).toContain('o1/workspaces/w1/');
    expect(daemon.core.instances.get(i1).view.context.savedAt).toBeGreaterThan(since);
  });

  it('has none where there is no remote storage', async () => {
    await daemon.calls.initWorkspace({ ...emptyWorkspace('i1'), remoteStorageDisabled: true }, callContext());
    expect(daemon.core.instances.get(i1).timer).toBeUndefined();
    expect((await contentStatus())?.nextBackupMs).toBeUndefined();
  });
});

describe('a backup timer over a restart', () => {
  it('keeps the time of the next backup, which is on disk', async () => {
    daemon = await realCore({ backupPeriodMs: LONG_MS });
    await init();
    await expect.poll(() => daemon.core.records.read(i1)?.timer?.nextAt, POLL).toBeGreaterThan(Date.now());
    const before = daemon.core.records.read(i1)?.timer;
    await restart({ backupPeriodMs: LONG_MS });
    expect(daemon.core.instances.get(i1).timer?.nextAt).toBe(before?.nextAt);
  });

  it('is off when the installation says so, whatever the record says', async () => {
    daemon = await realCore({ backupPeriodMs: LONG_MS });
    await init();
    await restart({ backupPeriodMs: 0 });
    expect(daemon.core.instances.get(i1).timer).toBeUndefined();
    await dispose();
  });
});

describe('content that shrank to almost nothing', () => {
  beforeEach(async () => {
    daemon = await realCore({ backupPeriodMs: LONG_MS });
    await init();
    await writeFile(join(content(), 'large'), '');
    await truncate(join(content(), 'large'), SHRINK_MIN_BYTES);
    await daemon.calls.backupWorkspace({ id: 'i1' }, callContext());
    await rm(join(content(), 'large'));
  });

  it('is kept at once when it is disposed of, until somebody says that it is meant', async () => {
    const suspicious = expect.objectContaining({ message: expect.stringContaining('kept') });
    await expect(dispose()).rejects.toEqual(suspicious);
    expect(daemon.core.instances.get(i1).view).toMatchObject({
      step: 'wrappingUp.stranded',
      context: { attempt: 1, failure: { code: 'backup-suspicious' } },
    });
    daemon.core.instances.get(i1).send({ type: 'BACKUP', at: Date.now(), ticket: 9, acceptShrink: true });
    await expect.poll(() => daemon.core.records.finished(i1)?.finalBackup?.generation, POLL).toBe(2);
  });
});

const POLL = { interval: 20, timeout: 10_000 };
const init = () => daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());
const dispose = () =>
  daemon.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
const content = () => daemon.area.contentOf(i1);

async function contentStatus() {
  return (await stewardCallsOf(daemon).getContent({ instanceId: 'i1' }, callContext())).content;
}

async function restart(changes: CoreChanges): Promise<void> {
  const { folder } = daemon;
  await daemon.stop();
  daemon = await realCore({ ...changes, folder });
}

/** Committed backups, by their manifests. */
async function committed(): Promise<string[]> {
  const names: string[] = [];
  const { signal } = new AbortController();
  for await (const { name } of daemon.storage.list('o1/workspaces/w1/backups/', signal)) names.push(name);
  return names.filter((name) => name.endsWith('.manifest.json'));
}
