import type { Identity } from '../../../machines/content-types.js';
import type { OwnerId, WorkspaceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';

/** Workspaces that no instance may begin of for a while. */
export class ClosedWorkspaces {
  readonly #closed = new Set<{ readonly owner: OwnerId; readonly workspace: WorkspaceId | undefined }>();

  /** One workspace, or all of an owner. Answers what ends it. */
  close(owner: OwnerId, workspace: WorkspaceId | undefined): () => void {
    const closed = { owner, workspace };
    this.#closed.add(closed);
    return () => {
      this.#closed.delete(closed);
    };
  }

  refuse({ owner, workspace }: Identity): void {
    for (const closed of this.#closed) {
      if (closed.owner !== owner || (closed.workspace ?? workspace) !== workspace) continue;
      throw new StewardError('workspace-busy', `what is stored of workspace ${workspace} is being deleted`);
    }
  }
}
