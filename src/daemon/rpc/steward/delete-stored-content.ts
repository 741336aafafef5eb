import type { OwnerId, WorkspaceId } from '../../../../machines/ids.js';
import { BackupRepository } from '../../../content/backups.js';
import { type DeletionScope, deleteStoredContent as removeStored } from '../../../content/deletion.js';
import { StewardError } from '../../../errors/steward-error.js';
import type {
  DeleteStoredContentRequest,
  DeleteStoredContentResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import {
  optionalText,
  requiredMessage,
  requiredOwnerId,
  requiredText,
  requiredWorkspaceId,
} from '../../../grpc/validation.js';
import { PAGE_SHOWN_MAX } from '../../bounds.js';
import type { VersionsContext } from './options.js';
import { because, tellStoredChange } from './stored-history.js';

/** Removes what is stored of a workspace or an owner; while it does, no instance of theirs begins here. */
export async function deleteStoredContent(
  context: VersionsContext,
  request: DeleteStoredContentRequest,
  call: CallContext,
): Promise<DeleteStoredContentResponse> {
  const scope = scopeOf(request);
  const { dryRun } = request;
  const reason = dryRun ? optionalText(request.reason, 'reason') : requiredText(request.reason, 'reason');
  requireNobody(context, scope);
  const open = dryRun ? undefined : context.core.instances.closeTo(scope.owner, scope.workspace);
  try {
    const instance = dryRun ? '' : await lastInstanceOf(context, scope, call.signal);
    const { storage } = context.place;
    const deletion = await removeStored(storage, scope, { dryRun, signal: call.signal });
    if (!dryRun && deletion.objects > 0) {
      const what = scope.workspace === undefined ? `owner ${scope.owner}` : `workspace ${scope.workspace}`;
      const detail = `all that was stored of ${what} deleted (${deletion.objects} objects)${because(reason)}`;
      tellStoredChange(context, call, { instance, to: 'deleted', cause: 'DeleteStoredContent', detail });
    }
    return {
      workspaces: deletion.workspaces.slice(0, PAGE_SHOWN_MAX).map((one) => ({
        workspaceId: one.workspace,
        backups: BigInt(one.backups),
        snapshots: BigInt(one.snapshots),
        objects: BigInt(one.objects),
        bytes: BigInt(one.bytes),
      })),
      objects: BigInt(deletion.objects),
      freedBytes: BigInt(deletion.bytes),
    };
  } finally {
    open?.();
  }
}

function scopeOf(request: DeleteStoredContentRequest): DeletionScope {
  const owner = requiredOwnerId(request.owner, 'owner');
  const { includeSnapshots } = request;
  const what = requiredMessage(request.what, 'what');
  switch (what.$case) {
    case 'workspaceId':
      return { owner, workspace: requiredWorkspaceId(what.value, 'workspace_id'), includeSnapshots };
    case 'wholeOwner':
      if (what.value.confirmOwner !== owner) {
        throw new StewardError('invalid-argument', 'whole_owner.confirm_owner is not the owner');
      }
      return { owner, workspace: undefined, includeSnapshots };
  }
}

function requireNobody({ core }: VersionsContext, { owner, workspace }: DeletionScope): void {
  for (const identity of core.instances.identities()) {
    if (identity.owner !== owner || (workspace !== undefined && identity.workspace !== workspace)) continue;
    throw new StewardError(
      'workspace-busy',
      `instance ${identity.instance} of workspace ${identity.workspace} is here; what is stored of it stays`,
    );
  }
}

/** Whose history tells it: the one of the newest version that can be read; '' without one. */
async function lastInstanceOf(
  { place }: VersionsContext,
  { owner, workspace }: { readonly owner: OwnerId; readonly workspace: WorkspaceId | undefined },
  signal: AbortSignal,
): Promise<string> {
  if (workspace === undefined) return '';
  try {
    const newest = await new BackupRepository(place, owner, workspace).latest(signal);
    return newest?.instance ?? '';
  } catch (error) {
    if (error instanceof StewardError && error.code === 'manifest-unreadable') return '';
    throw error;
  }
}
