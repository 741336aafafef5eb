import type { IsWorkspaceExistsRequest, IsWorkspaceExistsResponse } from '../../gen/ws-daemon-api/daemon.js';
import { requiredInstanceId } from '../../grpc/validation.js';
import type { Instances } from '../instances.js';

/** Whether the daemon holds anything for this id, in whatever state; an unknown id is an answer. */
export function isWorkspaceExists(
  instances: Instances,
  request: IsWorkspaceExistsRequest,
): IsWorkspaceExistsResponse {
  return { exists: instances.owns(requiredInstanceId(request.id, 'id')) };
}
