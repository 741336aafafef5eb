import type { OwnerId, WorkspaceId } from '../../../machines/ids.js';
import type { BackupRepository } from '../../content/backups.js';
import type { Clock } from '../../gateways/clock.js';
import type { ObjectStorage } from '../../storage/object-storage.js';
import { requireSameTime, storageTime } from './storage-clock.js';
import { keyOf, storedPage } from './stored-page.js';
import { type AgreedKeeping, agreedKeeping, type Keeping, type KeepingWish } from './stored-policy.js';
import type { StoredTurns } from './stored-turns.js';

export interface StoredWorkspace {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
}

export interface StoredListener {
  /** Versions whose time was over, archives that no manifest names, uploads that never ended. */
  tidied(what: 'version' | 'orphan' | 'upload', count: number): void;
  failed(what: string, error: unknown): void;
  /** How far the node's clock is ahead of the storage's; negative when behind. */
  clock(aheadMs: number): void;
  /** What is kept, as all nodes that share the storage have agreed. */
  keeping(agreed: AgreedKeeping): void;
}

export interface StoredOptions {
  readonly clock: Clock;
  readonly storage: Pick<ObjectStorage, 'sweep' | 'list' | 'put' | 'replace' | 'get' | 'deleteMany'>;
  /** As in StorageClockOptions and StoredPolicyOptions. */
  readonly node: string;
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
  readonly wish: KeepingWish;
  readonly listener: StoredListener;
}

/** Of what is kept, and at which time of the storage's. */
interface Tidying extends Pick<StoredOptions, 'backupsOf' | 'listener'> {
  readonly keeping: Keeping;
  readonly nowMs: number;
}

/**
 * Removes what is stored for nothing: by the storage's time, not this node's, and as all nodes that share it have
 * agreed. One workspace after another; one that fails keeps the others waiting for nothing.
 */
export async function tidyStored(options: StoredOptions, signal: AbortSignal): Promise<void> {
  const { storage, workspaces, listener, backupsOf } = options;
  const time = await storageTime(options, signal);
  listener.clock(time.aheadMs);
  requireSameTime(time);
  const agreed = await agreedKeeping(options, signal);
  listener.keeping(agreed);
  if (agreed.kind === 'new') return;
  const tidying = { keeping: agreed.keeping, nowMs: time.nowMs, backupsOf, listener };
  const here = workspaces();
  await tidyAll(here, tidying, signal);
  try {
    await tidyPage(here, options, tidying, signal);
  } catch (error) {
    if (!signal.aborted) listener.failed('the workspaces that only the storage knows', error);
  }
  if (signal.aborted) return;
  listener.tidied('upload', await storage.sweep(signal));
}

async function tidyPage(
  here: readonly StoredWorkspace[],
  { storage, turns, pageMax }: StoredOptions,
  tidying: Tidying,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || pageMax === 0) return;
  const turn = await turns.take(tidying.nowMs, signal);
  if (turn === undefined) return;
  const { workspaces, next } = await storedPage(storage, turn.after, pageMax, signal);
  const known = new Set(here.map(keyOf));
  const others = workspaces.filter((one) => !known.has(keyOf(one)));
  await tidyAll(others, tidying, signal);
  if (!signal.aborted) await turns.end(turn, next, signal);
}

async function tidyAll(
  all: readonly StoredWorkspace[],
  { keeping, nowMs, backupsOf, listener }: Tidying,
  signal: AbortSignal,
): Promise<void> {
  for (const { owner, workspace } of all) {
    if (signal.aborted) return;
    try {
      const backups = backupsOf(owner, workspace);
      const { generations } = await backups.retain(keeping, { signal, nowMs });
      listener.tidied('version', generations.length);
      const orphans = await backups.sweepOrphans(nowMs - keeping.orphanAgeMs, signal);
      listener.tidied('orphan', orphans.length);
    } catch (error) {
      if (!signal.aborted) listener.failed(`the versions of workspace ${workspace}`, error);
    }
  }
}
