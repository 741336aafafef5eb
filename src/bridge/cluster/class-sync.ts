import { type StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import { DESCRIBE_DEADLINE_MS } from '../bounds.js';
import { changeCluster, findForUpdate } from '../clusters/cluster-rows.js';
import { describeCluster } from '../clusters/describe-cluster.js';
import type { ManagerClient } from '../clusters/manager-service.js';
import type { WorkspaceClass } from '../clusters/workspace-cluster.js';
import type { Writing } from '../clusters/writing.js';
import type { ClusterLink } from './cluster-link.js';

export interface ClassSyncOptions {
  readonly client: Pick<ManagerClient, 'describeCluster'>;
  readonly link: Pick<ClusterLink, 'cluster' | 'connected'>;
  readonly writing: Writing;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly onFailed: (error: StewardError) => void;
}

/**
 * Keeps the workspace classes in a cluster's row those its manager offers, one look after the other, none while the
 * manager is away. Only these two columns are touched, so no change of another column is ever undone, and no row is made.
 */
export class ClassSync {
  readonly #options: ClassSyncOptions;

  constructor(options: ClassSyncOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, onFailed } = this.#options;
    while (!signal.aborted) {
      await this.sync(signal).catch((thrown: unknown) => {
        if (!signal.aborted) onFailed(toStewardError(thrown, 'unavailable'));
      });
      await sleep(clock, intervalMs, signal).catch(() => undefined);
    }
  }

  async sync(signal: AbortSignal): Promise<void> {
    const { client, link, writing } = this.#options;
    if (!link.connected || writing.refusal() !== undefined) return;
    const { name } = link.cluster;
    const offered = await describeCluster(client, { signal, timeoutMs: DESCRIBE_DEADLINE_MS });
    // A cluster that is gone or reached elsewhere by now has nothing to say about this row.
    signal.throwIfAborted();
    await writing.write(async (transaction) => {
      const row = await findForUpdate(transaction, name);
      if (
        row === undefined ||
        (isSame(row.availableWorkspaceClasses, offered.availableWorkspaceClasses) &&
          row.preferredWorkspaceClass === offered.preferredWorkspaceClass)
      )
        return;
      await changeCluster(transaction, name, offered);
    });
  }
}

function isSame(a: readonly WorkspaceClass[], b: readonly WorkspaceClass[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
