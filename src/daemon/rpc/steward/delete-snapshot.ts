import { isOwnerId, isWorkspaceId } from '../../../../machines/ids.js';
import { checkedSnapshotUrl, readSnapshot } from '../../../content/snapshots.js';
import { StewardError } from '../../../errors/steward-error.js';
import type {
  DeleteSnapshotRequest,
  DeleteSnapshotResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { optionalText, requiredText } from '../../../grpc/validation.js';
import type { ObjectName } from '../../../storage/object-storage.js';
import { liveInstanceOf } from './live-instance.js';
import type { Of, VersionsContext } from './options.js';
import { because, tellStoredChange } from './stored-history.js';

/** Removes a snapshot, its manifest first; one that is gone already is fine, one that is being made is not. */
export async function deleteSnapshot(
  context: VersionsContext,
  request: DeleteSnapshotRequest,
  call: CallContext,
): Promise<DeleteSnapshotResponse> {
  const url = requiredText(request.url, 'url');
  const reason = optionalText(request.reason, 'reason');
  const { of, archive } = snapshotAt(context, url);
  const { storage } = context.place;
  refusePromised(context, of, archive);
  const instance = await instanceOf(context, url, call.signal);
  const objects: ObjectName[] = [];
  let freed = 0;
  for (const name of [`${archive}.manifest.json`, archive]) {
    const found = await storage.head(name, call.signal);
    if (found === undefined) continue;
    objects.push(name);
    freed += found.sizeBytes;
    if (!request.dryRun) await storage.delete(name, call.signal);
  }
  if (!request.dryRun && objects.length > 0) {
    const detail = `snapshot ${url} deleted${because(reason)}`;
    tellStoredChange(context, call, { instance, to: 'deleted', cause: 'DeleteSnapshot', detail });
  }
  return { freedBytes: BigInt(freed), objects };
}

/** Nothing but a snapshot can be deleted this way, whatever the URL says. */
function snapshotAt(
  { place }: VersionsContext,
  url: string,
): { readonly of: Of; readonly archive: ObjectName } {
  checkedSnapshotUrl(url, 'url');
  const archive = place.storage.nameOf(url);
  if (archive === undefined) {
    throw new StewardError('snapshot-not-found', `${url} is in a bucket that is not in use here`);
  }
  const [owner = '', folder, workspace = '', name = '', ...more] = archive.split('/');
  const isSnapshot = folder === 'workspaces' && more.length === 0 && /^snapshot-[^/]+\.tar$/.test(name);
  if (!isSnapshot || !isOwnerId(owner) || !isWorkspaceId(workspace)) {
    throw new StewardError('invalid-argument', 'url does not name a snapshot');
  }
  return { of: { owner, workspace }, archive };
}

function refusePromised(context: VersionsContext, of: Of, archive: ObjectName): void {
  const name = archive.split('/').at(-1);
  const jobs = liveInstanceOf(context, of)?.view.context.jobs ?? [];
  if (!jobs.some((job) => job.kind === 'snapshot' && job.name === name)) return;
  throw new StewardError('wrong-state', 'this snapshot is being made; delete it when that has ended');
}

async function instanceOf(context: VersionsContext, url: string, signal: AbortSignal): Promise<string> {
  try {
    return (await readSnapshot(context.place.storage, url, signal))?.instance ?? '';
  } catch (error) {
    if (error instanceof StewardError && error.code === 'manifest-unreadable') return '';
    throw error;
  }
}
