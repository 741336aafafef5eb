import { idProblem, type InstanceId, isInstanceId, isOwnerId, isWorkspaceId, type OwnerId, type WorkspaceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';

/** The instance a request names; throws `invalid-argument` with the field. */
export function instanceIn(id: string, field = 'id'): InstanceId {
  if (isInstanceId(id)) return id;
  throw invalid(field, id);
}

export function workspaceIn(id: string, field: string): WorkspaceId {
  if (isWorkspaceId(id)) return id;
  throw invalid(field, id);
}

export function ownerIn(id: string, field: string): OwnerId {
  if (isOwnerId(id)) return id;
  throw invalid(field, id);
}

function invalid(field: string, id: string): StewardError {
  return new StewardError('invalid-argument', `${field} ${idProblem(id) ?? 'is not an id'}`);
}
