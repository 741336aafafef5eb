import {
  WorkspaceConditionBool,
  type WorkspaceConditions,
  WorkspacePhase,
} from '../../gen/ws-manager-api/core.js';
import type { HeadlessEventType, PrebuildState } from '../channels.js';
import { SNAPSHOT_MAX } from './bounds.js';

/** What one status makes of a prebuild. */
export interface PrebuildStep {
  readonly state: PrebuildState;
  /** undefined leaves what is stored. */
  readonly error: string | undefined;
  readonly snapshot: string | undefined;
  readonly event: HeadlessEventType;
}

/**
 * When the end of a prebuild is read from its conditions. `when-stopped`: its snapshot has been uploaded by then.
 * `while-stopping`: as the compatible system does by default, which names snapshots that may not be there yet.
 */
export type PrebuildReading = 'when-stopped' | 'while-stopping';

const FINAL: ReadonlySet<PrebuildState> = new Set(['available', 'timeout', 'aborted', 'failed']);

/** Final states never change again. */
export function isFinal(state: PrebuildState): boolean {
  return FINAL.has(state);
}

/** Whether a prebuild in `stored` may become `told`: never back from an end, nor from being built into the queue. */
export function mayBecome(stored: PrebuildState, told: PrebuildState): boolean {
  if (isFinal(stored)) return false;
  return !(stored === 'building' && told === 'queued');
}

/** undefined when the status says nothing about the prebuild. */
export function prebuildStep(
  reading: PrebuildReading,
  phase: WorkspacePhase,
  conditions: WorkspaceConditions,
): PrebuildStep | undefined {
  switch (phase) {
    case WorkspacePhase.STOPPED:
      return reading === 'when-stopped' ? (end(conditions) ?? withoutSnapshot) : undefined;
    case WorkspacePhase.STOPPING:
      return reading === 'when-stopped' ? underWay('building') : end(conditions);
    case WorkspacePhase.RUNNING:
      return underWay('building');
    default:
      return underWay('queued');
  }
}

/** What has stopped never becomes available any more, so it must not look as if it were still being built. */
const withoutSnapshot: PrebuildStep = {
  state: 'failed',
  error: 'The prebuild stopped without a snapshot.',
  snapshot: undefined,
  event: 'failed',
};

function underWay(state: 'queued' | 'building'): PrebuildStep {
  return { state, error: undefined, snapshot: undefined, event: 'started' };
}

/** The first that matches; without a snapshot nothing is available, whatever else is told. */
function end(conditions: WorkspaceConditions): PrebuildStep | undefined {
  const { timeout, failed, stoppedByRequest, headlessTaskFailed, snapshot } = conditions;
  const over = (state: PrebuildState, error: string, event: HeadlessEventType): PrebuildStep => ({
    state,
    error,
    snapshot: undefined,
    event,
  });
  if (timeout !== '') return over('timeout', timeout, 'aborted-timeout');
  if (failed !== '') return over('failed', failed, 'failed');
  if (stoppedByRequest === WorkspaceConditionBool.TRUE) return over('aborted', 'Cancelled', 'aborted');
  if (snapshot === '')
    return headlessTaskFailed === '' ? undefined : over('failed', headlessTaskFailed, 'failed');
  if (snapshot.length > SNAPSHOT_MAX)
    return over('failed', 'The name of its snapshot is too long.', 'failed');
  const event = headlessTaskFailed === '' ? 'finish-success' : 'finish-fail';
  return { state: 'available', error: headlessTaskFailed, snapshot, event };
}
