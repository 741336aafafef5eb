import type { WorkspaceCluster } from '../../../src/bridge/clusters/workspace-cluster.js';

/** A cluster as its registration makes it, but for what a test says. */
export function clusterNamed(name: string, but: Partial<WorkspaceCluster> = {}): WorkspaceCluster {
  return {
    name,
    url: `${name}.example:8080`,
    tls: undefined,
    state: 'available',
    score: 50,
    maxScore: 100,
    governed: true,
    admissionConstraints: [],
    region: '',
    availableWorkspaceClasses: [],
    preferredWorkspaceClass: '',
    isStatic: false,
    ...but,
  };
}
