import type { AdmissionConstraint, WorkspaceCluster } from '../clusters/workspace-cluster.js';

/** What a choice goes by. */
export type Candidate = Pick<
  WorkspaceCluster,
  'name' | 'state' | 'score' | 'maxScore' | 'region' | 'admissionConstraints' | 'availableWorkspaceClasses'
>;

/** A set of clusters, as the question whether one belongs to it. */
export type ClusterSet = (cluster: Candidate) => boolean;

export const all: ClusterSet = () => true;
export const none: ClusterSet = () => false;

export function invert(set: ClusterSet): ClusterSet {
  return (cluster) => !set(cluster);
}

/** Those in every one of `sets`; without any, all. */
export function intersect(...sets: readonly ClusterSet[]): ClusterSet {
  return (cluster) => sets.every((set) => set(cluster));
}

/** Those that may get new workspaces at all. */
export const open: ClusterSet = ({ score, state }) => score > 0 && state === 'available';

/** Those that only users with `permission` may use, whatever else they ask for. */
export function reservedFor(permission: string): ClusterSet {
  return ({ admissionConstraints }) =>
    admissionConstraints.some((constraint) => isPermission(constraint, permission));
}

/** Those in `region`; none when no region is asked for. */
export function inRegion(region: string): ClusterSet {
  return region === '' ? none : (cluster) => cluster.region === region;
}

/** Those that a user with `permissions` may use. Only constraints of permissions exclude anybody. */
export function openTo(permissions: ReadonlySet<string>): ClusterSet {
  return ({ admissionConstraints }) =>
    admissionConstraints.every(
      (constraint) => constraint.type !== 'has-permission' || permissions.has(constraint.permission),
    );
}

/** Those that offer the class; all when no class is asked for. */
export function offering(workspaceClass: string): ClusterSet {
  if (workspaceClass === '') return all;
  return ({ availableWorkspaceClasses }) => availableWorkspaceClasses.some(({ id }) => id === workspaceClass);
}

function isPermission(constraint: AdmissionConstraint, permission: string): boolean {
  return constraint.type === 'has-permission' && constraint.permission === permission;
}
