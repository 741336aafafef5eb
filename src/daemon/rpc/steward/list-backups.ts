import type { BackupEntry } from '../../../content/backup-objects.js';
import { StewardError } from '../../../errors/steward-error.js';
import type { Backup } from '../../../gen/steward/v1/backup.js';
import type { ListBackupsRequest, ListBackupsResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { backupsOf, type Of, type VersionsContext } from './options.js';
import { numberToken, pageIn, workspaceIn } from './requests.js';
import { unusableBackup, wireBackup } from './wire-backup.js';

/** Committed versions, newest first. One whose manifest cannot be used is listed as such and hides no other. */
export async function listBackups(
  context: VersionsContext,
  request: ListBackupsRequest,
  { signal }: CallContext,
): Promise<ListBackupsResponse> {
  const of = workspaceIn(request);
  const { size, after = Number.POSITIVE_INFINITY } = pageIn(request, numberToken);
  const entries = (await backupsOf(context, of).list(signal))
    .filter(({ generation }) => generation < after)
    .reverse();
  const backups: Backup[] = [];
  for (const entry of entries.slice(0, size)) {
    const shown = await shownOf(context, of, entry, signal);
    if (shown !== undefined) backups.push(shown);
  }
  const last = entries[size - 1];
  const hasMore = entries.length > size && last !== undefined;
  return { backups, nextPageToken: hasMore ? String(last.generation) : '' };
}

/** undefined when it was deleted meanwhile. */
async function shownOf(
  context: VersionsContext,
  of: Of,
  entry: BackupEntry,
  signal: AbortSignal,
): Promise<Backup | undefined> {
  try {
    return wireBackup(context, of, await backupsOf(context, of).read(entry.generation, signal));
  } catch (error) {
    if (!(error instanceof StewardError)) throw error;
    if (error.code === 'manifest-unreadable') return unusableBackup(context, of, entry, error.message);
    if (error.code === 'backup-not-found') return undefined;
    throw error;
  }
}
