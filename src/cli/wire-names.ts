import { SnapshotState } from '../gen/steward/v1/backup.js';
import { PreStopResult } from '../gen/steward/v1/content.js';
import { WorkspaceContentState } from '../gen/ws-daemon-api/daemon.js';
import { PortProtocol, PortVisibility, WorkspacePhase } from '../gen/ws-manager-api/core.js';
import { ClusterState } from '../gen/ws-manager-bridge-api/cluster-service.js';

/** Names of the wire's numbers, in small letters as people read them. */
export function phaseName(phase: WorkspacePhase): string {
  return nameIn(WorkspacePhase, phase);
}

export function clusterStateName(state: ClusterState): string {
  return nameIn(ClusterState, state);
}

export function contentStateName(state: WorkspaceContentState): string {
  return nameIn(WorkspaceContentState, state);
}

export function snapshotStateName(state: SnapshotState): string {
  return nameIn(SnapshotState, state).replace('snapshot-state-', '').replace('unspecified', 'of others');
}

export function preStopName(result: PreStopResult): string {
  return nameIn(PreStopResult, result).replace('pre-stop-result-', '');
}

export function portVisibilityName(visibility: PortVisibility): string {
  return nameIn(PortVisibility, visibility).replace('port-visibility-', '');
}

export function portProtocolName(protocol: PortProtocol): string {
  return nameIn(PortProtocol, protocol).replace('port-protocol-', '');
}

/** A number that a newer server sends is shown as it is. */
export function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(names).find(([, number]) => number === value);
  return found === undefined ? String(value) : found[0].toLowerCase().replaceAll('_', '-');
}
