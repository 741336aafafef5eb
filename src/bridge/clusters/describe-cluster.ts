import type { DescribeClusterResponse } from '../../gen/ws-manager-api/core.js';
import type { ClientCallOptions } from '../../grpc/client.js';
import {
  CLASS_DESCRIPTION_LENGTH_MAX,
  CLASS_NAME_LENGTH_MAX,
  CLASSES_MAX,
  CLUSTER_TEXT_LENGTH_MAX,
  DESCRIBE_DEADLINE_MS,
} from '../bounds.js';
import type { ConnectManager } from './manager-connection.js';
import type { ManagerClient } from './manager-service.js';
import type { ClusterConnection, WorkspaceClass } from './workspace-cluster.js';

/** What a manager offers, as its cluster's row has it. */
export interface OfferedClasses {
  readonly availableWorkspaceClasses: readonly WorkspaceClass[];
  readonly preferredWorkspaceClass: string;
}

export async function describeCluster(
  client: Pick<ManagerClient, 'describeCluster'>,
  options: ClientCallOptions,
): Promise<OfferedClasses> {
  return offeredClasses(await client.describeCluster({}, options));
}

/** The same over a connection of its own, which is closed again. Throws `invalid-argument` for one nobody can make. */
export async function describeOver(
  connect: ConnectManager,
  connection: ClusterConnection,
  signal: AbortSignal,
): Promise<OfferedClasses> {
  const manager = connect(connection);
  try {
    return await describeCluster(manager.workspaces, { signal, timeoutMs: DESCRIBE_DEADLINE_MS });
  } finally {
    manager.close();
  }
}

function offeredClasses(answer: DescribeClusterResponse): OfferedClasses {
  return {
    availableWorkspaceClasses: answer.workspaceClasses
      .filter(({ id }) => id.length <= CLUSTER_TEXT_LENGTH_MAX)
      .slice(0, CLASSES_MAX)
      .map(({ id, displayName, description, creditsPerMinute }) => ({
        id,
        displayName: displayName.slice(0, CLUSTER_TEXT_LENGTH_MAX),
        description: description.slice(0, CLASS_DESCRIPTION_LENGTH_MAX),
        creditsPerMinute: shortest(creditsPerMinute),
      })),
    preferredWorkspaceClass: answer.preferredWorkspaceClass.slice(0, CLASS_NAME_LENGTH_MAX),
  };
}

/** Digits that every float of 32 bits has; what follows them is its way of writing 0.1. */
const FLOAT_DIGITS = 7;

function shortest(float: number): number {
  return Number.isFinite(float) ? Number(float.toPrecision(FLOAT_DIGITS)) : 0;
}
