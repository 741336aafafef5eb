import { readSnapshot } from '../../../content/snapshots.js';
import { StewardError } from '../../../errors/steward-error.js';
import { type Snapshot, SnapshotState } from '../../../gen/steward/v1/backup.js';
import type { ContentStatus } from '../../../gen/steward/v1/content.js';
import type { ListSnapshotsRequest, ListSnapshotsResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import type { StoredObject } from '../../../storage/object-storage.js';
import { absentStatusOf, statusOf } from '../content-status.js';
import { ownedInstanceOf } from './live-instance.js';
import type { Of, VersionsContext } from './options.js';
import { pageIn, workspaceIn } from './requests.js';

/** Snapshots newest first: those the storage holds, and those the workspace's instance here was asked for. */
export async function listSnapshots(
  context: VersionsContext,
  request: ListSnapshotsRequest,
  { signal }: CallContext,
): Promise<ListSnapshotsResponse> {
  const of = workspaceIn(request);
  const { size, after } = pageIn(request, (token) => (SNAPSHOT_NAME.test(token) ? token : undefined));
  const promised = promisedSnapshots(context, of);
  const stored = await storedArchives(context, of, signal);
  const names = [...new Set([...promised.keys(), ...stored.keys()])]
    .filter((name) => after === undefined || name < after)
    .sort()
    .reverse();
  const snapshots: Snapshot[] = [];
  for (const name of names.slice(0, size)) {
    const object = stored.get(name);
    const record = promised.get(name);
    if (record !== undefined && record.state !== SnapshotState.SNAPSHOT_STATE_AVAILABLE) {
      snapshots.push(record);
    } else if (object !== undefined) snapshots.push(await storedSnapshot(context, of, object, signal));
  }
  const last = names[size - 1];
  return { snapshots, nextPageToken: names.length > size && last !== undefined ? last : '' };
}

const SNAPSHOT_NAME = /^snapshot-[A-Za-z0-9._-]+\.tar$/;

/** By the name of their object. */
function promisedSnapshots(context: VersionsContext, of: Of): ReadonlyMap<string, Snapshot> {
  const status = statusIn(context, of);
  const named = (status?.snapshots ?? []).map((snapshot): [string, Snapshot] => [
    context.place.storage.nameOf(snapshot.url)?.split('/').at(-1) ?? '',
    snapshot,
  ]);
  return new Map(named.filter(([name]) => SNAPSHOT_NAME.test(name)));
}

function statusIn(context: VersionsContext, of: Of): ContentStatus | undefined {
  const { core } = context;
  const instance = ownedInstanceOf({ core }, of);
  if (instance === undefined) return undefined;
  const live = core.instances.find(instance);
  if (live !== undefined) return statusOf(live, context);
  const record = core.records.read(instance);
  return record === undefined ? undefined : absentStatusOf(record, context, undefined);
}

async function storedArchives(
  { place }: VersionsContext,
  { owner, workspace }: Of,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredObject>> {
  const found = new Map<string, StoredObject>();
  for await (const object of place.storage.list(`${owner}/workspaces/${workspace}/snapshot-`, signal)) {
    const name = object.name.split('/').at(-1) ?? '';
    if (SNAPSHOT_NAME.test(name)) found.set(name, object);
  }
  return found;
}

/** One of ours is there when its manifest is; one without was written by others, or left half. */
async function storedSnapshot(
  { place }: VersionsContext,
  of: Of,
  object: StoredObject,
  signal: AbortSignal,
): Promise<Snapshot> {
  const shown: Snapshot = {
    url: place.storage.urlOf(object.name),
    owner: of.owner,
    workspaceId: of.workspace,
    sha256: '',
    sizeBytes: BigInt(object.sizeBytes),
    createdMs: BigInt(Math.round(object.modifiedMs)),
    state: SnapshotState.SNAPSHOT_STATE_UNSPECIFIED,
    failure: undefined,
    instanceId: '',
  };
  try {
    const manifest = await readSnapshot(place.storage, shown.url, signal);
    const part = manifest?.parts[0];
    if (manifest === undefined || part === undefined) return shown;
    return {
      ...shown,
      sha256: part.sha256,
      createdMs: BigInt(manifest.createdAtMs),
      state: SnapshotState.SNAPSHOT_STATE_AVAILABLE,
      instanceId: manifest.instance,
    };
  } catch (error) {
    if (!(error instanceof StewardError && error.code === 'manifest-unreadable')) throw error;
    const failure = { code: error.code, message: error.message, atMs: shown.createdMs };
    return { ...shown, state: SnapshotState.SNAPSHOT_STATE_FAILED, failure };
  }
}
