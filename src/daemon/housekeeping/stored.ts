import type { OwnerId, WorkspaceId } from '../../../machines/ids.js';
import type { BackupPolicy } from '../../content/backup-policy.js';
import type { BackupRepository } from '../../content/backups.js';
import type { Clock } from '../../gateways/clock.js';
import type { ObjectStorage } from '../../storage/object-storage.js';

export interface StoredWorkspace {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
}

export interface StoredListener {
  /** Versions whose time was over, archives that no manifest names, uploads that never ended. */
  tidied(what: 'version' | 'orphan' | 'upload', count: number): void;
  failed(what: string, error: unknown): void;
}

export interface StoredOptions {
  readonly clock: Clock;
  readonly storage: Pick<ObjectStorage, 'sweep'>;
  readonly backupsOf: (owner: OwnerId, workspace: WorkspaceId) => BackupRepository;
  /** Those this node has to do with, or had until lately. */
  readonly workspaces: () => readonly StoredWorkspace[];
  readonly policy: BackupPolicy;
  readonly orphanAgeMs: number;
  readonly listener: StoredListener;
}

/** Removes what is stored for nothing. One workspace after another; one that fails keeps the others waiting for nothing. */
export async function tidyStored(options: StoredOptions, signal: AbortSignal): Promise<void> {
  const { clock, storage, backupsOf, workspaces, policy, orphanAgeMs, listener } = options;
  for (const { owner, workspace } of workspaces()) {
    if (signal.aborted) return;
    try {
      const backups = backupsOf(owner, workspace);
      const { generations } = await backups.retain(policy, { signal });
      listener.tidied('version', generations.length);
      const orphans = await backups.sweepOrphans(clock.now() - orphanAgeMs, signal);
      listener.tidied('orphan', orphans.length);
    } catch (error) {
      if (!signal.aborted) listener.failed(`the versions of workspace ${workspace}`, error);
    }
  }
  listener.tidied('upload', await storage.sweep(signal));
}
