import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId, OwnerId, WorkspaceId } from '../../../machines/ids.js';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { ArchivePlace } from '../../../src/content/archive-objects.js';
import { DEFAULT_BACKUP_POLICY } from '../../../src/content/backup-policy.js';
import type { InitializeContext } from '../../../src/content/initializers/plan.js';
import type { Processes } from '../../../src/gateways/processes.js';
import { RealHttp } from '../../../src/gateways/real/http.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';

export const isRoot = process.getuid?.() === 0;

/** As root, content belongs to somebody else, as in production. */
export const contentUser = isRoot ? { uid: 33333, gid: 33333 } : undefined;

export function newPlace(folder: string): ArchivePlace & { readonly objects: string } {
  const world = realWorld();
  const root = join(folder, 'storage');
  const storage = new DirectoryStorage(world, {
    bucket: 'steward',
    folder: root,
    witness: join(folder, 'storage-witness'),
  });
  return { world, storage, user: contentUser, objects: join(root, 'objects') };
}

/** The same place with some ways to processes replaced. */
export function withProcesses<Place extends ArchivePlace>(place: Place, changed: Partial<Processes>): Place {
  const { processes } = place.world;
  const through: Processes = {
    start: (command) => processes.start(command),
    startDetached: (command) => processes.startDetached(command),
    isAlive: (identity) => processes.isAlive(identity),
    signalGroup: (identity, signal) => processes.signalGroup(identity, signal),
    signalProcess: (identity, signal) => processes.signalProcess(identity, signal),
    self: () => processes.self(),
    find: (program) => processes.find(program),
    ...changed,
  };
  return { ...place, world: { ...place.world, processes: through } };
}

/** The same place on a machine without a zstd program. */
export function withoutZstd<Place extends ArchivePlace>(place: Place): Place {
  const { processes } = place.world;
  return withProcesses(place, {
    find: async (program) => (program === 'zstd' ? undefined : processes.find(program)),
  });
}

export function ids(): { owner: OwnerId; workspace: WorkspaceId; instance: InstanceId } {
  const owner = 'ada';
  const workspace = 'loom';
  const instance = 'loom-1';
  if (!isOwnerId(owner) || !isWorkspaceId(workspace) || !isInstanceId(instance)) throw new Error('bad ids');
  return { owner, workspace, instance };
}

/** An empty content folder, owned as the daemon's own would be. */
export async function contentFolder(place: ArchivePlace, path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  if (place.user !== undefined) await place.world.files.chown(path, place.user.uid, place.user.gid);
  return path;
}

export function contextFor(
  place: ArchivePlace,
  folder: string,
  more: Partial<InitializeContext> = {},
): InitializeContext {
  return {
    ...place,
    http: new RealHttp(),
    folder,
    backups: undefined,
    git: { allowHttp: false },
    signal: new AbortController().signal,
    ...more,
  };
}

/** What a backup needs, with its chain beside the content. */
export function backupOptions(content: string) {
  return {
    instance: ids().instance,
    chain: `${content}-chain`,
    policy: DEFAULT_BACKUP_POLICY,
    signal: noAbort(),
  };
}

export const noAbort = () => new AbortController().signal;
