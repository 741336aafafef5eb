import {
  type ClusterServiceService,
  ClusterState,
  type ClusterStatus,
  type AdmissionConstraint as WireConstraint,
} from '../../gen/ws-manager-bridge-api/cluster-service.js';
import type { CallContext, Handlers } from '../../grpc/service-types.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { ClusterSources } from '../clusters/sources.js';
import type { AdmissionConstraint, WorkspaceCluster } from '../clusters/workspace-cluster.js';

export interface ClusterServiceOptions {
  readonly registry: ClusterRegistry;
  readonly sources: Pick<ClusterSources, 'list'>;
}

/** `workspacemanagerbridge.ClusterService`, with real status codes. */
export function clusterHandlers({
  registry,
  sources,
}: ClusterServiceOptions): Handlers<typeof ClusterServiceService> {
  return {
    register: async (request, call) => {
      await registry.register(request, call.signal);
      log(call, request.name, 'a cluster was registered');
      return {};
    },
    update: async (request, call) => {
      await registry.update(request, call.signal);
      log(call, request.name, `a cluster was changed: ${request.property?.$case}`);
      return {};
    },
    deregister: async ({ name, force }, call) => {
      await registry.deregister(name, force);
      log(call, name, force ? 'a cluster was removed by force' : 'a cluster was removed');
      return {};
    },
    list: async () => {
      const all = await sources.list();
      const rows = all.filter(({ isStatic }) => !isStatic);
      return { status: [...rows, ...all.filter(({ isStatic }) => isStatic)].map(clusterStatus) };
    },
  };
}

function log({ logger, peer, metadata }: CallContext, cluster: string, what: string): void {
  const client = String(metadata.get('client-name')[0] ?? '');
  const agent = String(metadata.get('user-agent')[0] ?? '');
  logger.info({ cluster, peer, client, agent }, what);
}

/** Credentials stay where they are. */
function clusterStatus(cluster: WorkspaceCluster): ClusterStatus {
  return {
    name: cluster.name,
    url: cluster.url,
    state: clusterState(cluster.state),
    score: cluster.score,
    maxScore: cluster.maxScore,
    governed: cluster.governed,
    admissionConstraint: cluster.admissionConstraints.flatMap(
      (constraint) => wireConstraint(constraint) ?? [],
    ),
    static: cluster.isStatic,
    region: cluster.region,
  };
}

/** undefined for a type the wire does not know. */
function wireConstraint(constraint: AdmissionConstraint): WireConstraint | undefined {
  switch (constraint.type) {
    case 'has-feature-preview':
      return { constraint: { $case: 'hasFeaturePreview', value: {} } };
    case 'has-permission': {
      const { permission } = constraint;
      return { constraint: { $case: 'hasPermission', value: { permission } } };
    }
    case 'has-class':
      return undefined;
  }
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
