import type { MakeBackupRequest, MakeBackupResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { requiredInstanceId } from '../../../grpc/validation.js';
import { makeBackup as makeBackupOf } from '../backup-workspace.js';
import type { StewardContentOptions } from './options.js';

/** As `wsdaemon` makes one, and tells whether a content that has become tiny is right. */
export async function makeBackup(
  { core, place }: StewardContentOptions,
  request: MakeBackupRequest,
  call: CallContext,
): Promise<MakeBackupResponse> {
  const instance = requiredInstanceId(request.instanceId, 'instance_id');
  const { clock } = place.world;
  return { url: await makeBackupOf(core.instances, clock, instance, request.acceptShrink, call) };
}
