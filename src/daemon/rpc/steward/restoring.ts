import type { BackupRepository } from '../../../content/backups.js';
import type { BackupManifest } from '../../../content/manifest.js';
import type { SetAside } from '../../../content/put-into.js';
import type { Of, VersionsContext } from './options.js';
import type { Transfer } from './transfer.js';

/** One restore under way. */
export interface Restoring {
  readonly context: VersionsContext;
  readonly of: Of;
  readonly backups: BackupRepository;
  readonly manifest: BackupManifest;
  /** Plain and relative; empty for everything. */
  readonly paths: readonly string[];
  readonly signal: AbortSignal;
  readonly transfer: Transfer;
}

export interface Restored {
  /** The version that was restored, or the new one that it became. */
  readonly manifest: BackupManifest;
  readonly aside: readonly SetAside[];
}

/** Unpacks what is wanted into an empty folder, when its turn among the set-ups of the node comes. */
export async function unpack(restoring: Restoring, folder: string): Promise<void> {
  const { context, backups, manifest, paths, signal, transfer } = restoring;
  await context.core.queues.run(
    'setup',
    signal,
    (inTurn) =>
      backups.restore(manifest, folder, {
        signal: inTurn,
        onProgress: (progress) => transfer.on(progress),
        ...(paths.length === 0 ? {} : { paths }),
      }),
    { onQueued: () => transfer.queued() },
  );
}
