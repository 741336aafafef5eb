import type { RowPhase } from '../../../machines/phase-relation.js';
import { WorkspacePhase, WorkspaceStatus, WorkspaceType } from '../../../src/gen/ws-manager-api/core.js';
import type { ObservedPrebuild } from './observed-rows.js';
import { type InstanceRow, versionIn } from './pipeline-harness.js';

/** A whole life, as a manager tells it. */
export const LIFE: readonly RowPhase[] = [
  ...(['pending', 'creating', 'initializing', 'running', 'interrupted', 'running'] as const),
  ...(['stopping', 'stopped'] as const),
];

/** The status of one that builds a prebuild, with its snapshot once it ends. */
export function asPrebuild(status: WorkspaceStatus): WorkspaceStatus {
  const ends = status.phase === WorkspacePhase.STOPPING || status.phase === WorkspacePhase.STOPPED;
  return WorkspaceStatus.fromPartial({
    ...status,
    spec: { ...status.spec, type: WorkspaceType.PREBUILD },
    conditions: { ...status.conditions, snapshot: ends ? 's@bucket' : '' },
  });
}

/** Whether a control loop stopped it, not its manager. */
export function isForced(row: InstanceRow): boolean {
  return row.status.includes('The bridge stopped');
}

/** What a consumer is told of; a version may rise without a message, and others write beside the bridge. */
export function told(row: InstanceRow | undefined): string | undefined {
  if (row === undefined) return undefined;
  const { phase, startedTime, deployedTime, stoppingTime, stoppedTime, status } = row;
  const { message }: { readonly message?: string } = JSON.parse(status);
  return JSON.stringify({ phase, startedTime, deployedTime, stoppingTime, stoppedTime, message });
}

/** How a row differs from what its manager says last; undefined when it does not. */
export function untruthOf(row: InstanceRow | undefined, truth: WorkspaceStatus): string | undefined {
  const { message }: { readonly message?: string } = JSON.parse(row?.status ?? '{}');
  if (row !== undefined && versionIn(row) === truth.statusVersion && message === truth.message)
    return undefined;
  const found =
    row === undefined ? 'there is none' : `it is ${row.phase}@${versionIn(row)}, "${message ?? ''}"`;
  return `the row of ${truth.id} is not ${truth.phase}@${truth.statusVersion}, "${truth.message}": ${found}`;
}

/** How a prebuild differs from what its instance's row says; undefined when it does not. */
export function untruthOfPrebuild(row: InstanceRow, prebuild: ObservedPrebuild): string | undefined {
  const expected = isForced(row) ? 'aborted' : 'available';
  if (row.phase !== 'stopped' || prebuild.state === expected) return undefined;
  return `rule 11: ${prebuild.id} is ${prebuild.state}, not ${expected}, and what builds it has stopped`;
}
