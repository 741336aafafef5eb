import type { Identity } from '../../../machines/content-types.js';
import type { InstanceId, OwnerId, WorkspaceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';

/** Workspaces, and single ids, that no instance may begin of for a while. */
export class ClosedWorkspaces {
  readonly #closed = new Set<{ readonly owner: OwnerId; readonly workspace: WorkspaceId | undefined }>();
  readonly #ids = new Set<InstanceId>();

  /** One workspace, or all of an owner. Answers what ends it. */
  close(owner: OwnerId, workspace: WorkspaceId | undefined): () => void {
    const closed = { owner, workspace };
    this.#closed.add(closed);
    return () => {
      this.#closed.delete(closed);
    };
  }

  /** Answers what ends it; undefined when somebody else has closed it. */
  closeId(instance: InstanceId): (() => void) | undefined {
    if (this.#ids.has(instance)) return undefined;
    this.#ids.add(instance);
    return () => {
      this.#ids.delete(instance);
    };
  }

  refuse({ instance, owner, workspace }: Identity): void {
    if (this.#ids.has(instance)) {
      throw new StewardError('unavailable', `what was left of an instance ${instance} is being put away`);
    }
    for (const closed of this.#closed) {
      if (closed.owner !== owner || (closed.workspace ?? workspace) !== workspace) continue;
      throw new StewardError('workspace-busy', `what is stored of workspace ${workspace} is being deleted`);
    }
  }
}
