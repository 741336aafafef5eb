import type { DescribeClusterResponse } from '../../gen/ws-manager-api/core.js';
import type { ClientCallOptions } from '../../grpc/client.js';
import { CLASSES_MAX } from '../bounds.js';
import type { ManagerClient } from '../cluster/status-stream.js';
import type { WorkspaceClass } from './workspace-cluster.js';

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

function offeredClasses(answer: DescribeClusterResponse): OfferedClasses {
  return {
    availableWorkspaceClasses: answer.workspaceClasses
      .slice(0, CLASSES_MAX)
      .map(({ id, displayName, description, creditsPerMinute }) => ({
        id,
        displayName,
        description,
        creditsPerMinute: shortest(creditsPerMinute),
      })),
    preferredWorkspaceClass: answer.preferredWorkspaceClass.slice(0, CLASS_NAME_LENGTH),
  };
}

/** Characters the column holds. */
const CLASS_NAME_LENGTH = 100;

/** Digits that every float of 32 bits has; what follows them is its way of writing 0.1. */
const FLOAT_DIGITS = 7;

function shortest(float: number): number {
  return Number.isFinite(float) ? Number(float.toPrecision(FLOAT_DIGITS)) : 0;
}
