import type { MetadataFilter, WorkspaceStatus } from '../gen/ws-manager-api/core.js';

/** Everything that is set must match: owner, workspace, and every listed annotation. */
export function matches(filter: MetadataFilter | undefined, { metadata }: WorkspaceStatus): boolean {
  if (filter === undefined) return true;
  if (filter.owner !== '' && filter.owner !== metadata?.owner) return false;
  if (filter.metaId !== '' && filter.metaId !== metadata?.metaId) return false;
  const annotations = metadata?.annotations ?? {};
  return Object.entries(filter.annotations).every(
    ([key, value]) => Object.hasOwn(annotations, key) && annotations[key] === value,
  );
}
