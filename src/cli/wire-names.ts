import { WorkspaceContentState } from '../gen/ws-daemon-api/daemon.js';
import { WorkspacePhase } from '../gen/ws-manager-api/core.js';

/** Names of the wire's numbers, in small letters as people read them. */
export function phaseName(phase: WorkspacePhase): string {
  return nameIn(WorkspacePhase, phase);
}

export function contentStateName(state: WorkspaceContentState): string {
  return nameIn(WorkspaceContentState, state);
}

/** A number that a newer server sends is shown as it is. */
function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(names).find(([, number]) => number === value);
  return found === undefined ? String(value) : found[0].toLowerCase().replaceAll('_', '-');
}
