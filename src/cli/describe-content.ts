import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import { ArchiveKind, type Backup } from '../gen/steward/v1/backup.js';
import type { ContentStatus, PreStopOutcome, QueuedWork } from '../gen/steward/v1/content.js';
import { formatTime } from './format.js';
import type { Session } from './session.js';
import { contentStateName, preStopName, snapshotStateName } from './wire-names.js';

/** The content of an instance for people: where it is, what it waits for, and how safe it is. */
export function contentLines(
  { show, cli }: Session,
  content: ContentStatus,
  newest: Backup | undefined,
): readonly string[] {
  const now = cli.world.clock.now();
  const { failure, queue, snapshots, attachments } = content;
  return [
    '',
    show.style.bold('Content'),
    ...show.details([
      ['state', contentStateName(content.state)],
      ['step', content.step],
      ['since', formatTime(content.stepSinceMs)],
      ['because', content.cause],
      ['detail', content.detail],
      ['waits for', content.waitingFor],
      ['until', content.deadlineMs === undefined ? undefined : formatTime(content.deadlineMs)],
      ['attempts', content.attempts === 0 ? undefined : String(content.attempts)],
      ['next attempt', content.nextAttemptMs === undefined ? undefined : formatTime(content.nextAttemptMs)],
      ['failure', failure === undefined ? undefined : `${failure.code}: ${failure.message}`],
      ['what to do', failure?.remedy],
      ['parked', content.parked?.reason],
      ['last backup', lastBackup(content, newest, now)],
      ['next backup', nextBackup(content, now)],
      ['at risk since', atRisk(content, now)],
      ['queue', queue.length === 0 ? undefined : queue.map(queuedText).join(', ')],
      ['pre-stop', content.preStop === undefined ? undefined : preStopText(content.preStop)],
      ...snapshots.map(
        (snapshot) =>
          [
            'snapshot',
            [snapshot.url, snapshotStateName(snapshot.state), snapshot.failure?.message ?? '']
              .filter((part) => part !== '')
              .join(', '),
          ] as const,
      ),
      ...attachments.map(({ name, state, target }) => ['attached', `${name} ${state} ${target}`] as const),
    ]),
  ];
}

function lastBackup(
  { lastBackup: last, remoteStorageDisabled }: ContentStatus,
  newest: Backup | undefined,
  now: number,
): string | undefined {
  if (remoteStorageDisabled) return 'none: it was started without remote storage';
  if (last === undefined) return undefined;
  const age = briefDuration(now - Number(last.createdMs));
  const kind = newest?.generation === last.generation ? kindText(newest) : '';
  const size = formatBytes(Number(last.sizeBytes));
  return `version ${last.generation}, ${kind}${size}, ${formatTime(last.createdMs)} (${age} ago), ${last.url}`;
}

function kindText({ kind, archives }: Backup): string {
  if (kind === ArchiveKind.ARCHIVE_KIND_FULL) return 'full, ';
  const added = formatBytes(Number(archives.at(-1)?.sizeBytes ?? 0n));
  return `increment ${archives.length - 1} of ${added}, all together `;
}

function nextBackup({ nextBackupMs }: ContentStatus, now: number): string | undefined {
  if (nextBackupMs === undefined) return undefined;
  const left = Number(nextBackupMs) - now;
  return `${formatTime(nextBackupMs)} (${left <= 0 ? 'due' : `in ${briefDuration(left)}`})`;
}

function atRisk({ backupAtRiskSinceMs: since }: ContentStatus, now: number): string | undefined {
  return since === undefined ? undefined : `${formatTime(since)} (${briefDuration(now - Number(since))})`;
}

function queuedText({ kind, origin, running }: QueuedWork): string {
  return `${kind}${origin === 'timer' ? ' of the timer' : ''}${running ? ' (runs)' : ''}`;
}

function preStopText({ result, exitCode, durationMs }: PreStopOutcome): string {
  const code = exitCode === undefined ? '' : `, exit code ${exitCode}`;
  return `${preStopName(result)}${code}, ${briefDuration(Number(durationMs))}`;
}
