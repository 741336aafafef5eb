import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';

describe('a daemon with real files, real tar and a real socket', () => {
  let folder: string;
  let daemon: RealDaemon;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'steward-daemon-'));
    daemon = await realDaemon(folder);
  });
  afterEach(async () => {
    await daemon.close();
    await rm(folder, { recursive: true, force: true });
  });

  const contentOf = (instance: string) => join(folder, 'daemon', 'workspaces', instance);

  it('sets up, backs up on stop, removes, and brings the content back in the next instance', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await writeFile(join(contentOf('i1'), 'work.txt'), 'not to be lost');
    await mkdir(join(contentOf('i1'), 'deep', 'er'), { recursive: true });
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    await expect(stat(contentOf('i1'))).rejects.toThrow(/ENOENT/);

    await daemon.content.initWorkspace(emptyWorkspace('i2'));
    expect(await readFile(join(contentOf('i2'), 'work.txt'), 'utf8')).toBe('not to be lost');
    expect((await stat(join(contentOf('i2'), 'deep', 'er'))).isDirectory()).toBe(true);
    const ready = JSON.parse(await readFile(join(contentOf('i2'), '.gitpod', 'ready'), 'utf8'));
    expect(ready).toMatchObject({ source: 'from-backup' });
  });

  it('tells the way through the states, in order and with causes', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    const { transitions } = await daemon.steward.getHistory({ instanceId: 'i1', limit: 0 });
    const steps = transitions
      .filter(({ actor }) => actor === 'content')
      .map(({ to, cause }) => `${to} (${cause})`);
    expect(steps).toEqual([
      'settingUp.recordingRequest (INIT)',
      'settingUp.reserving (recordingRequest.done)',
      'settingUp.initializing (reserving.done)',
      'settingUp.sealing (initializing.done)',
      'settingUp.recordingAvailable (sealing.done)',
      'settingUp.announcing (recordingAvailable.done)',
      'available.idle (announcing.done)',
      'wrappingUp.recordingWrapUp (DISPOSE)',
      'wrappingUp.stoppingTimer (recordingWrapUp.done)',
      'wrappingUp.runningPreStop (timer:backup.done)',
      'wrappingUp.quiescing (runningPreStop.done)',
      'wrappingUp.backingUp (quiescing.done)',
      'wrappingUp.verifying (backingUp.done)',
      'wrappingUp.recordingRemoval (verifying.done)',
      'wrappingUp.removing (recordingRemoval.done)',
      'wrappingUp.recordingGone (removing.done)',
      'gone (recordingGone.done)',
    ]);
  });

  it('keeps everything over a restart', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await writeFile(join(contentOf('i1'), 'work.txt'), 'kept');
    await daemon.close();
    daemon = await realDaemon(folder);
    expect(await daemon.content.isWorkspaceExists({ id: 'i1' })).toEqual({ exists: true });
    await daemon.content.waitForInit({ id: 'i1' });
    expect(await readFile(join(contentOf('i1'), 'work.txt'), 'utf8')).toBe('kept');
    const { content } = await daemon.steward.getContent({ instanceId: 'i1' });
    expect(content).toMatchObject({ step: 'available.idle', generation: 2n });
  });

  it('answers a repeated Dispose from memory, also after a restart', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    await daemon.close();
    daemon = await realDaemon(folder);
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    const { backups } = await daemon.steward.listBackups({
      owner: 'o1',
      workspaceId: 'w1',
      pageSize: 0,
      pageToken: '',
    });
    expect(backups).toHaveLength(1);
  });

  it('backs up and snapshots content in use, and says where', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await writeFile(join(contentOf('i1'), 'one'), '1');
    const backup = await daemon.content.backupWorkspace({ id: 'i1' });
    expect(backup.url).toMatch(/^o1\/workspaces\/w1\/backups\/.*@steward$/);
    const snapshot = await daemon.content.takeSnapshot({ id: 'i1', returnImmediately: false });
    expect(snapshot.url).toMatch(/^o1\/workspaces\/w1\/snapshot-\d+\.tar@steward$/);
    const initializer = {
      spec: { $case: 'snapshot' as const, value: { snapshot: snapshot.url, fromVolumeSnapshot: false } },
    };
    await daemon.content.initWorkspace({ ...emptyWorkspace('i2', 'w2'), initializer });
    expect(await readFile(join(contentOf('i2'), 'one'), 'utf8')).toBe('1');
  });

  it('serves metrics, health and readiness over HTTP when told where', async () => {
    const second = await mkdtemp(join(tmpdir(), 'steward-daemon-'));
    const port = await freePort();
    const served = await realDaemon(second, { http: { port } });
    try {
      await served.content.initWorkspace(emptyWorkspace('i1'));
      const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      // What is counted comes off the stream, which may be a moment behind the answer.
      await expect
        .poll(metrics)
        .toMatch(/steward_content_transitions_total\{[^}]*to="available.idle"[^}]*\} 1/);
      await expect
        .poll(metrics)
        .toMatch(/grpc_server_handled_total\{[^}]*grpc_method="InitWorkspace"[^}]*grpc_code="OK"[^}]*\} 1/);
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    } finally {
      await served.close();
      await rm(second, { recursive: true, force: true });
    }
  });

  it('refuses a second daemon on the same folder', async () => {
    const second = realDaemon(folder, { listen: [`unix:${join(folder, 'other.sock')}`] });
    await expect(second).rejects.toMatchObject({ code: 'address-in-use' });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(),
      );
    });
  });
}
