import type { DeleteBackupRequest, DeleteBackupResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { optionalText } from '../../../grpc/validation.js';
import { liveInstanceOf } from './live-instance.js';
import { backupsOf, type VersionsContext } from './options.js';
import { requiredGeneration, workspaceIn } from './requests.js';
import { because, tellStoredChange } from './stored-history.js';

/**
 * Removes one version. While an instance of the workspace lives here, it waits for its running backup, which may
 * be building on this version, and holds the next one back.
 */
export async function deleteBackup(
  context: VersionsContext,
  request: DeleteBackupRequest,
  call: CallContext,
): Promise<DeleteBackupResponse> {
  const of = workspaceIn(request);
  const generation = requiredGeneration(request.generation);
  const reason = optionalText(request.reason, 'reason');
  const { dryRun, force } = request;
  const backups = backupsOf(context, of);
  const { instance } = await backups.read(generation, call.signal);
  const remove = (signal: AbortSignal) => backups.delete(generation, { signal, dryRun, force });
  const live = dryRun ? undefined : liveInstanceOf(context, of);
  const removal = await (live === undefined ? remove(call.signal) : live.lane.run(remove, call.signal));
  if (!dryRun) {
    const detail = `version ${generation} deleted${because(reason)}`;
    tellStoredChange(context, call, { instance, to: 'deleted', cause: 'DeleteBackup', detail });
  }
  const url = backups.urlOf(generation);
  const manifest = context.place.storage.nameOf(url) ?? url;
  return { freedBytes: BigInt(removal.sizeBytes), objects: [manifest, ...removal.archives] };
}
