import { isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { ObjectName, ObjectStorage } from '../../storage/object-storage.js';
import { STORED_PAGE_OBJECTS_MAX } from '../bounds.js';
import type { StoredWorkspace } from './stored.js';

/** Some of the workspaces that the storage holds backups of, in the order of their names. */
export interface StoredPage {
  readonly workspaces: readonly StoredWorkspace[];
  /** Where the next page begins; undefined: it is the first one again. */
  readonly next: ObjectName | undefined;
}

/**
 * At most `most` workspaces whose backups come behind `after`. Lists no more than STORED_PAGE_OBJECTS_MAX objects, so a
 * page may be short, or empty, and still not the last.
 */
export async function storedPage(
  storage: Pick<ObjectStorage, 'list'>,
  after: ObjectName | undefined,
  most: number,
  signal: AbortSignal,
): Promise<StoredPage> {
  const workspaces: StoredWorkspace[] = [];
  let listed = 0;
  for await (const { name } of storage.list('', signal, after)) {
    const found = workspaceOf(name);
    const last = workspaces.at(-1);
    const isNew = found !== undefined && (last === undefined || keyOf(found) !== keyOf(last));
    if (isNew && workspaces.length >= most && last !== undefined) return { workspaces, next: behind(last) };
    if (isNew) workspaces.push(found);
    listed += 1;
    if (listed >= STORED_PAGE_OBJECTS_MAX) return { workspaces, next: name };
  }
  return { workspaces, next: undefined };
}

/** A name behind all backups of this workspace, and before those of any other that comes later. */
export function behind({ owner, workspace }: StoredWorkspace): ObjectName {
  return `${owner}/workspaces/${workspace}/backups0`;
}

function workspaceOf(name: ObjectName): StoredWorkspace | undefined {
  const [owner = '', folder, workspace = '', kind, file] = name.split('/');
  const isBackup = folder === 'workspaces' && kind === 'backups' && file !== undefined;
  return isBackup && isOwnerId(owner) && isWorkspaceId(workspace) ? { owner, workspace } : undefined;
}

export function keyOf({ owner, workspace }: StoredWorkspace): string {
  return `${owner}/${workspace}`;
}
