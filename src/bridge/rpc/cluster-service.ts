import { StewardError } from '../../errors/steward-error.js';
import {
  type ClusterServiceService,
  ClusterState,
  type ClusterStatus,
} from '../../gen/ws-manager-bridge-api/cluster-service.js';
import type { Handlers } from '../../grpc/service-types.js';
import type { ClusterSources } from '../clusters/sources.js';
import type { WorkspaceCluster } from '../clusters/workspace-cluster.js';

/** `workspacemanagerbridge.ClusterService` for clusters of the configuration: they are listed and cannot be changed. */
export function clusterHandlers(
  sources: Pick<ClusterSources, 'list'>,
): Handlers<typeof ClusterServiceService> {
  return {
    register: notOffered('Register'),
    update: notOffered('Update'),
    deregister: notOffered('Deregister'),
    list: async () => ({ status: (await sources.list()).map(clusterStatus) }),
  };
}

function notOffered(method: string): () => Promise<never> {
  return async () => {
    throw new StewardError(
      'not-implemented',
      `${method} is not offered by this version of the bridge; clusters come from its configuration.`,
    );
  };
}

function clusterStatus(cluster: WorkspaceCluster): ClusterStatus {
  return {
    name: cluster.name,
    url: cluster.url,
    state: clusterState(cluster.state),
    score: cluster.score,
    maxScore: cluster.maxScore,
    governed: cluster.governed,
    admissionConstraint: [],
    static: cluster.isStatic,
    region: cluster.region,
  };
}

function clusterState(state: WorkspaceCluster['state']): ClusterState {
  switch (state) {
    case 'available':
      return ClusterState.AVAILABLE;
    case 'cordoned':
      return ClusterState.CORDONED;
    case 'draining':
      return ClusterState.DRAINING;
  }
}
