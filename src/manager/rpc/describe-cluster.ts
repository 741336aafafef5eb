import type { DescribeClusterResponse } from '../../gen/ws-manager-api/core.js';
import type { ManagerConfig, WorkspaceClass } from '../config.js';

/** The classes in the order of their ids. */
export function describeCluster({ classes, preferredClass }: ManagerConfig): DescribeClusterResponse {
  const sorted = Object.entries(classes).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    workspaceClasses: sorted.map(([id, one]) => ({
      id,
      displayName: one.name,
      description: one.description || describe(one),
      creditsPerMinute: one.creditsPerMinute,
    })),
    preferredWorkspaceClass: preferredClass,
  };
}

/** What it may use, else what it is given for sure; whole processors and decimal giga, rounded up. */
function describe({ requests, limits }: WorkspaceClass): string {
  const cpu = Math.ceil(limits.cpu.burst ?? requests.cpu ?? 0);
  const memory = giga(limits.memory ?? requests.memory);
  const disk = giga(limits.storage ?? requests.storage);
  return `${cpu} vCPU, ${memory}GB memory, ${disk}GB disk`;
}

function giga(bytes = 0): number {
  return Math.ceil(bytes / 1e9);
}
