export const CLUSTER_STATES = ['available', 'cordoned', 'draining'] as const;

/** Only an available one gets new workspaces; all are followed. */
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** Who may use a cluster: every constraint must hold. Names are those of the compatible system's rows. */
export type AdmissionConstraint =
  | { readonly type: 'has-feature-preview' }
  | { readonly type: 'has-permission'; readonly permission: string }
  /** Others write it; it never excludes anybody. */
  | { readonly type: 'has-class'; readonly id: string; readonly displayName: string };

/** Base64 of PEM: authority of the manager's certificate, and the certificate and key the bridge shows. */
export interface ClusterTls {
  readonly ca: string;
  readonly crt: string;
  readonly key: string;
}

export interface WorkspaceClass {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  readonly creditsPerMinute: number;
}

/** How to reach a manager. What differs here needs another connection. */
export interface ClusterConnection {
  /** gRPC target: `host:port`, `unix:/path`, `dns:///host:port`. */
  readonly url: string;
  /** undefined for a plain connection. */
  readonly tls: ClusterTls | undefined;
}

/** A registered cluster, wherever it is registered. */
export interface WorkspaceCluster extends ClusterConnection {
  /** Also the `region` of its instances' rows. */
  readonly name: string;
  readonly state: ClusterState;
  /** Weight of the draw for new workspaces, at most `maxScore`; 0 for none. */
  readonly score: number;
  readonly maxScore: number;
  /** Kept and shown for compatibility. */
  readonly governed: boolean;
  readonly admissionConstraints: readonly AdmissionConstraint[];
  /** Geography, such as `europe`; '' for none. */
  readonly region: string;
  /** Empty until the manager was asked. */
  readonly availableWorkspaceClasses: readonly WorkspaceClass[];
  readonly preferredWorkspaceClass: string;
  /** Why its settings cannot be read now; those are used that could be read last. */
  readonly problem?: string;
  /** It comes from the configuration. */
  readonly isStatic: boolean;
}

export function isSameConnection(a: ClusterConnection, b: ClusterConnection): boolean {
  return a.url === b.url && isSameTls(a.tls, b.tls);
}

export function isSameTls(a: ClusterTls | undefined, b: ClusterTls | undefined): boolean {
  return a?.ca === b?.ca && a?.crt === b?.crt && a?.key === b?.key;
}

export function isSameConstraint(a: AdmissionConstraint, b: AdmissionConstraint): boolean {
  if (a.type !== b.type) return false;
  if (a.type === 'has-permission' && b.type === 'has-permission') return a.permission === b.permission;
  if (a.type === 'has-class' && b.type === 'has-class') return a.id === b.id;
  return true;
}
