import type { OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName, ObjectStorage, StoredObject } from '../storage/object-storage.js';
import { DELETION_BATCH_OBJECTS_MAX } from './bounds.js';

/** What is to go. */
export interface DeletionScope {
  readonly owner: OwnerId;
  /** undefined: all of the owner, and what is stored for them beside workspaces. */
  readonly workspace: WorkspaceId | undefined;
  /** They may be what other workspaces start from. */
  readonly includeSnapshots: boolean;
}

export interface DeletionOptions {
  readonly signal: AbortSignal;
  /** Only count. */
  readonly dryRun: boolean;
}

export interface DeletedWorkspace {
  readonly workspace: string;
  readonly backups: number;
  readonly snapshots: number;
  readonly objects: number;
  readonly bytes: number;
}

export interface Deletion {
  /** Sorted by id. */
  readonly workspaces: readonly DeletedWorkspace[];
  /** Of all of them, and of what belongs to no workspace. */
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Removes what is stored of a workspace or an owner. Manifests go first, so that an interrupted deletion leaves
 * archives nobody names, never a backup without its archives; the same call again goes on. When it resolves, the
 * storage was seen not to list any of it any more. Nobody may write backups of these workspaces meanwhile.
 */
export async function deleteStoredContent(
  storage: ObjectStorage,
  scope: DeletionScope,
  options: DeletionOptions,
): Promise<Deletion> {
  const counted = await count(storage, scope, options.signal);
  if (options.dryRun) return counted;
  await remove(storage, scope, isManifest, options.signal);
  await remove(storage, scope, () => true, options.signal);
  const left = await count(storage, scope, options.signal);
  if (left.objects === 0) return counted;
  throw new StewardError(
    'storage-unavailable',
    `${left.objects} objects are still stored after they were removed; call again to go on`,
  );
}

async function count(storage: ObjectStorage, scope: DeletionScope, signal: AbortSignal): Promise<Deletion> {
  const workspaces = new Map<string, DeletedWorkspace>();
  let objects = 0;
  let bytes = 0;
  for await (const object of objectsOf(storage, scope, signal)) {
    objects += 1;
    bytes += object.sizeBytes;
    const { workspace, rest } = partsOf(object.name);
    if (workspace === undefined) continue;
    const before = workspaces.get(workspace) ?? nothingOf(workspace);
    workspaces.set(workspace, {
      workspace,
      backups: before.backups + (isBackup(rest) ? 1 : 0),
      snapshots: before.snapshots + (isSnapshot(rest) && !isManifest(object) ? 1 : 0),
      objects: before.objects + 1,
      bytes: before.bytes + object.sizeBytes,
    });
  }
  const sorted = [...workspaces.values()].sort((one, other) => (one.workspace < other.workspace ? -1 : 1));
  return { workspaces: sorted, objects, bytes };
}

async function remove(
  storage: ObjectStorage,
  scope: DeletionScope,
  isWanted: (object: StoredObject) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let batch: ObjectName[] = [];
  for await (const object of objectsOf(storage, scope, signal)) {
    if (isWanted(object)) batch.push(object.name);
    if (batch.length < DELETION_BATCH_OBJECTS_MAX) continue;
    await storage.deleteMany(batch, signal);
    batch = [];
  }
  if (batch.length > 0) await storage.deleteMany(batch, signal);
}

async function* objectsOf(
  storage: ObjectStorage,
  { owner, workspace, includeSnapshots }: DeletionScope,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  const prefix = workspace === undefined ? `${owner}/` : `${owner}/workspaces/${workspace}/`;
  for await (const object of storage.list(prefix, signal)) {
    signal.throwIfAborted();
    if (includeSnapshots || !isSnapshot(partsOf(object.name).rest)) yield object;
  }
}

/** `<owner>/workspaces/<workspace>/<rest>`; no workspace for what is stored beside them. */
function partsOf(name: ObjectName): { readonly workspace: string | undefined; readonly rest: string } {
  const [, folder, workspace, ...rest] = name.split('/');
  if (folder !== 'workspaces' || workspace === undefined || rest.length === 0) {
    return { workspace: undefined, rest: '' };
  }
  return { workspace, rest: rest.join('/') };
}

function isManifest({ name }: StoredObject): boolean {
  return name.endsWith('.manifest.json');
}

/** A version of the content: one of ours, or the single archive that others write. */
function isBackup(rest: string): boolean {
  return rest === 'full.tar' || /^backups\/\d+\.manifest\.json$/.test(rest);
}

function isSnapshot(rest: string): boolean {
  return /^snapshot-[^/]*$/.test(rest);
}

function nothingOf(workspace: string): DeletedWorkspace {
  return { workspace, backups: 0, snapshots: 0, objects: 0, bytes: 0 };
}
