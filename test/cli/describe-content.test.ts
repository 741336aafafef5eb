import { describe, expect, it } from 'vitest';
import { contentLines } from '../../src/cli/describe-content.js';
import { Session } from '../../src/cli/session.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { ArchiveKind, Backup, Snapshot, SnapshotState } from '../../src/gen/steward/v1/backup.js';
import { ContentStatus, PreStopResult } from '../../src/gen/steward/v1/content.js';
import { memoryInput, memorySink } from './support/memory-cli.js';

const NOW = 1_700_000_000_000;
const OPTIONS = {
  ...{ state: '/nonexistent', address: undefined, json: false, quiet: false, timeoutMs: undefined },
  ...{
    tlsCa: undefined,
    tlsCert: undefined,
    tlsKey: undefined,
    tlsServerName: undefined,
    context: undefined,
  },
};

/** The lines without the blanks that align them, at a fixed time. */
function linesOf(content: Partial<ContentStatus>, newest?: Partial<Backup>): readonly string[] {
  const world = { ...realWorld(), clock: { ...realWorld().clock, now: () => NOW } };
  const env = {};
  const user = { uid: 0, home: '/nonexistent', env, temporary: '/tmp' };
  const stdout = memorySink([], undefined);
  const interrupted = new AbortController().signal;
  const cli = {
    world,
    env,
    stdin: memoryInput([]),
    stdout,
    stderr: stdout,
    interrupted,
    takeSignals: () => () => {},
    user,
    userName: 'ada',
  };
  const session = new Session(cli, OPTIONS);
  const version = newest === undefined ? undefined : Backup.fromPartial(newest);
  return contentLines(session, ContentStatus.fromPartial(content), version).map((line) =>
    line.replaceAll(/ {2,}/g, ': '),
  );
}

describe('the content of an instance, for people', () => {
  it('says how safe it is: last backup, next, and since when it is at risk', () => {
    const lastBackup = Backup.fromPartial({
      generation: 7n,
      sizeBytes: 4096n,
      createdMs: BigInt(NOW - 90_000),
    });
    const archives = [{ sizeBytes: 3072n }, { sizeBytes: 1024n }];
    const newest = { generation: 7n, kind: ArchiveKind.ARCHIVE_KIND_INCREMENT, archives };
    const content = {
      lastBackup: { ...lastBackup, url: 'a@b' },
      nextBackupMs: BigInt(NOW + 210_000),
      backupAtRiskSinceMs: BigInt(NOW - 60_000),
    };
    const lines = linesOf(content, Backup.fromPartial(newest));
    expect(lines).toContain(
      'last backup: version 7, increment 1 of 1Ki, all together 4Ki, 2023-11-14T22:11:50.000Z (1m30s ago), a@b',
    );
    expect(lines).toContain('next backup: 2023-11-14T22:16:50.000Z (in 3m30s)');
    expect(lines).toContain('at risk since: 2023-11-14T22:12:20.000Z (1m)');
  });

  it('says nothing of the kind when the newest version is another one, and that a backup is due', () => {
    const lastBackup = Backup.fromPartial({
      generation: 7n,
      sizeBytes: 10n,
      createdMs: BigInt(NOW),
      url: 'a@b',
    });
    const lines = linesOf({ lastBackup, nextBackupMs: BigInt(NOW) }, { generation: 8n });
    expect(lines).toContain('last backup: version 7, 10, 2023-11-14T22:13:20.000Z (0ms ago), a@b');
    expect(lines).toContain('next backup: 2023-11-14T22:13:20.000Z (due)');
  });

  it('says what waits, what became of snapshots, and how the program before the stop ended', () => {
    const snapshots = [
      { url: 's1@b', state: SnapshotState.SNAPSHOT_STATE_PENDING },
      {
        ...{ url: 's2@b', state: SnapshotState.SNAPSHOT_STATE_FAILED },
        failure: { code: 'disk-full', message: 'the disk is full', atMs: 0n },
      },
    ].map((snapshot) => Snapshot.fromPartial(snapshot));
    const lines = linesOf({
      queue: [
        { kind: 'backup', origin: 'timer', url: '', running: true },
        { kind: 'snapshot', origin: 'request', url: 's1@b', running: false },
      ],
      preStop: { result: PreStopResult.PRE_STOP_RESULT_FAILED, exitCode: 3, durationMs: 1_500n },
      snapshots,
    });
    expect(lines).toContain('queue: backup of the timer (runs), snapshot');
    expect(lines).toContain('pre-stop: failed, exit code 3, 1.5s');
    expect(lines).toContain('snapshot: s1@b, pending');
    expect(lines).toContain('snapshot: s2@b, failed, the disk is full');
  });

  it('says that nothing is saved of a workspace without remote storage', () => {
    expect(linesOf({ remoteStorageDisabled: true })).toContain(
      'last backup: none: it was started without remote storage',
    );
  });
});
