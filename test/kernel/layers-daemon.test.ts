import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isMounted, unmountBelow } from '../content/layers/support.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('instances start from a snapshot by overlay, come back after a reboot, are backed up whole and go', async () => {
  const folder = await temporaryFolder();
  let daemon = await realDaemon(folder, { layers: { method: 'overlay' } });
  try {
    const url = await snapshotOf(daemon);
    for (const id of ['one', 'two']) await startFrom(daemon, id, url);
    const [one, two] = [contentOf(daemon, 'one'), contentOf(daemon, 'two')];
    expect([isMounted(one), isMounted(two)]).toEqual([true, true]);
    await writeFile(join(one, 'text'), 'of one');
    await rm(join(two, 'gone'));
    await daemon.close();
    unmountBelow(folder);

    daemon = await realDaemon(folder, { layers: { method: 'overlay' } });
    expect(await readFile(join(one, 'text'), 'utf8')).toBe('of one');
    expect(await readFile(join(two, 'text'), 'utf8')).toBe('of the snapshot');
    await daemon.content.disposeWorkspace({ id: 'one', backup: true, backupLogs: false });
    await daemon.content.disposeWorkspace({ id: 'two', backup: true, backupLogs: false });
    expect([isMounted(one), isMounted(two)]).toEqual([false, false]);

    await startAgain(daemon, 'one', 'one-again');
    await startAgain(daemon, 'two', 'two-again');
    const again = contentOf(daemon, 'one-again');
    expect(isMounted(again)).toBe(false);
    expect(await readFile(join(again, 'text'), 'utf8')).toBe('of one');
    expect(await readFile(join(again, 'gone'), 'utf8')).toBe('still here');
    expect(await readFile(join(contentOf(daemon, 'two-again'), 'text'), 'utf8')).toBe('of the snapshot');
    await expect(readFile(join(contentOf(daemon, 'two-again'), 'gone'))).rejects.toThrow('ENOENT');
  } finally {
    await daemon.close();
    unmountBelow(folder);
  }
});

test('content whose layer is gone is neither backed up empty nor given up', async () => {
  const folder = await temporaryFolder();
  let daemon = await realDaemon(folder, { layers: { method: 'overlay' } });
  try {
    await startFrom(daemon, 'one', await snapshotOf(daemon));
    await writeFile(join(contentOf(daemon, 'one'), 'mine'), 'kept');
    await daemon.close();
    unmountBelow(folder);
    await rm(join(folder, 'daemon', 'layers', 'trees'), { recursive: true });

    daemon = await realDaemon(folder, { layers: { method: 'overlay' } });
    const call = daemon.content.disposeWorkspace({ id: 'one', backup: true, backupLogs: false });
    await expect(call).rejects.toThrow();
    const kept = join(folder, 'daemon', 'workspaces', '.overlays', 'one', 'upper', 'mine');
    expect(await readFile(kept, 'utf8')).toBe('kept');
  } finally {
    await daemon.close();
    unmountBelow(folder);
  }
});

async function snapshotOf(daemon: RealDaemon): Promise<string> {
  await daemon.content.initWorkspace(emptyWorkspace('source', 'source'));
  await writeFile(join(contentOf(daemon, 'source'), 'text'), 'of the snapshot');
  await writeFile(join(contentOf(daemon, 'source'), 'gone'), 'still here');
  return (await daemon.content.takeSnapshot({ id: 'source', returnImmediately: false })).url;
}

async function startFrom(daemon: RealDaemon, id: string, snapshot: string): Promise<void> {
  const spec = { $case: 'snapshot' as const, value: { snapshot, fromVolumeSnapshot: false } };
  await daemon.content.initWorkspace({ ...emptyWorkspace(id, `workspace-${id}`), initializer: { spec } });
}

/** The same workspace in a new instance: its own backup is what it gets. */
async function startAgain(daemon: RealDaemon, id: string, next: string): Promise<void> {
  await daemon.content.initWorkspace(emptyWorkspace(next, `workspace-${id}`));
}

function contentOf({ config }: RealDaemon, id: string): string {
  return join(config.stateFolder, 'workspaces', id);
}
