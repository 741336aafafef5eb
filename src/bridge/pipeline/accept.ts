import { idProblem } from '../../../machines/ids.js';
import type { RowPhase } from '../../../machines/phase-relation.js';
import {
  WorkspaceConditionBool,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../../gen/ws-manager-api/core.js';
import { millisecondsOf } from './iso-time.js';
import type { InstanceType, StatusUpdate } from './updates.js';

/** Why a status cannot be used, in words for the log. */
export interface Refusal {
  readonly refused: string;
}

/** A manager's status as an update, or why it is none. Numbers of the future in `phase` count as unknown. */
export function acceptStatus(
  cluster: string,
  status: WorkspaceStatus,
  receivedAt: number,
): StatusUpdate | Refusal {
  const problem = idProblem(status.id);
  if (problem !== undefined) return { refused: `the id ${problem}` };
  const { spec, metadata, conditions } = status;
  if (spec === undefined || metadata === undefined || conditions === undefined) {
    return { refused: 'spec, metadata or conditions are missing' };
  }
  const type = instanceType(spec.type);
  if (type === undefined) return { refused: `the type ${spec.type} is unknown` };
  return {
    cluster,
    instance: status.id,
    workspace: metadata.metaId,
    owner: metadata.owner,
    type,
    version: status.statusVersion,
    phase: rowPhase(status.phase),
    deployed: conditions.deployed === WorkspaceConditionBool.TRUE,
    firstActivityAt: millisecondsOf(conditions.firstUserActivity),
    receivedAt,
    status,
  };
}

function rowPhase(phase: WorkspacePhase): RowPhase | undefined {
  switch (phase) {
    case WorkspacePhase.PENDING:
      return 'pending';
    case WorkspacePhase.CREATING:
      return 'creating';
    case WorkspacePhase.INITIALIZING:
      return 'initializing';
    case WorkspacePhase.RUNNING:
      return 'running';
    case WorkspacePhase.INTERRUPTED:
      return 'interrupted';
    case WorkspacePhase.STOPPING:
      return 'stopping';
    case WorkspacePhase.STOPPED:
      return 'stopped';
    default:
      return undefined;
  }
}

function instanceType(type: WorkspaceType): InstanceType | undefined {
  switch (type) {
    case WorkspaceType.REGULAR:
      return 'regular';
    case WorkspaceType.PREBUILD:
      return 'prebuild';
    case WorkspaceType.IMAGEBUILD:
      return 'imagebuild';
    default:
      return undefined;
  }
}
