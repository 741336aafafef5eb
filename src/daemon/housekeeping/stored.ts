import type { OwnerId, WorkspaceId } from '../../../machines/ids.js';
import type { BackupPolicy } from '../../content/backup-policy.js';
import type { BackupRepository } from '../../content/backups.js';
import type { Clock } from '../../gateways/clock.js';
import type { ObjectStorage } from '../../storage/object-storage.js';
import { keyOf, storedPage } from './stored-page.js';
import type { StoredTurns } from './stored-turns.js';

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
  readonly storage: Pick<ObjectStorage, 'sweep' | 'list'>;
  readonly backupsOf: (
    owner: OwnerId,
    workspace: WorkspaceId,
  ) => Pick<BackupRepository, 'retain' | 'sweepOrphans'>;
  /** Those this node has to do with, or had until lately: looked at in every round. */
  readonly workspaces: () => readonly StoredWorkspace[];
  /** Of all the others, which only the storage knows, a page in each turn. */
  readonly turns: Pick<StoredTurns, 'take' | 'end'>;
  /** Of them in one turn; 0: none, and no turns. */
  readonly pageMax: number;
  readonly policy: BackupPolicy;
  readonly orphanAgeMs: number;
  readonly listener: StoredListener;
}

/** Removes what is stored for nothing. One workspace after another; one that fails keeps the others waiting for nothing. */
export async function tidyStored(options: StoredOptions, signal: AbortSignal): Promise<void> {
  const { storage, workspaces, listener } = options;
  const here = workspaces();
  await tidyAll(here, options, signal);
  try {
    await tidyPage(here, options, signal);
  } catch (error) {
    if (!signal.aborted) listener.failed('the workspaces that only the storage knows', error);
  }
  if (signal.aborted) return;
  listener.tidied('upload', await storage.sweep(signal));
}

async function tidyPage(
  here: readonly StoredWorkspace[],
  { storage, turns, pageMax, ...options }: StoredOptions,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || pageMax === 0) return;
  const turn = await turns.take(signal);
  if (turn === undefined) return;
  const { workspaces, next } = await storedPage(storage, turn.after, pageMax, signal);
  const known = new Set(here.map(keyOf));
  const others = workspaces.filter((one) => !known.has(keyOf(one)));
  await tidyAll(others, options, signal);
  if (!signal.aborted) await turns.end(turn, next, signal);
}

type TidyOptions = Pick<StoredOptions, 'clock' | 'backupsOf' | 'policy' | 'orphanAgeMs' | 'listener'>;

async function tidyAll(
  all: readonly StoredWorkspace[],
  { clock, backupsOf, policy, orphanAgeMs, listener }: TidyOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const { owner, workspace } of all) {
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
}
