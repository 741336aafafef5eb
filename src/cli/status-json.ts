import { WorkspaceStatus } from '../gen/ws-manager-api/core.js';

/** A status as JSON in the wire's own names. The owner token opens the workspace, so it is never printed. */
export function statusJson(status: WorkspaceStatus): object {
  const auth = status.auth === undefined ? undefined : { ...status.auth, ownerToken: '' };
  return asObject(WorkspaceStatus.toJSON({ ...status, auth }));
}

/** Messages become objects; the generated code only says `unknown`. */
export function asObject(json: unknown): object {
  return typeof json === 'object' && json !== null ? json : {};
}
