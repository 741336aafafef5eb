import type { RowPhase } from '../../../machines/phase-relation.js';
import {
  AdmissionLevel,
  WorkspaceConditionBool,
  WorkspacePhase,
  WorkspaceStatus,
  WorkspaceType,
} from '../../../src/gen/ws-manager-api/core.js';

export interface StatusOptions {
  readonly id: string;
  readonly version: bigint;
  readonly phase: RowPhase | undefined;
  readonly workspace?: string;
  readonly owner?: string;
  readonly deployed?: boolean;
  readonly failed?: string;
  readonly message?: string;
  readonly firstActivity?: Date;
  readonly ownerToken?: string;
}

const wirePhases: Partial<Record<RowPhase, WorkspacePhase>> = {
  pending: WorkspacePhase.PENDING,
  creating: WorkspacePhase.CREATING,
  initializing: WorkspacePhase.INITIALIZING,
  running: WorkspacePhase.RUNNING,
  interrupted: WorkspacePhase.INTERRUPTED,
  stopping: WorkspacePhase.STOPPING,
  stopped: WorkspacePhase.STOPPED,
};

/** A status as a manager would send it; phase undefined is the wire's UNKNOWN. */
export function statusOf(options: StatusOptions): WorkspaceStatus {
  return WorkspaceStatus.fromPartial({
    id: options.id,
    statusVersion: options.version,
    metadata: { owner: options.owner ?? 'owner-1', metaId: options.workspace ?? `ws-${options.id}` },
    spec: {
      workspaceImage: 'image',
      url: `https://${options.id}.example`,
      type: WorkspaceType.REGULAR,
      timeout: '30m0s',
    },
    phase:
      options.phase === undefined
        ? WorkspacePhase.UNKNOWN
        : (wirePhases[options.phase] ?? WorkspacePhase.UNKNOWN),
    conditions: {
      failed: options.failed ?? '',
      deployed: options.deployed ? WorkspaceConditionBool.TRUE : WorkspaceConditionBool.FALSE,
      pullingImages: WorkspaceConditionBool.EMPTY,
      firstUserActivity: options.firstActivity,
    },
    message: options.message ?? '',
    auth: { admission: AdmissionLevel.ADMIT_OWNER_ONLY, ownerToken: options.ownerToken ?? '' },
  });
}
