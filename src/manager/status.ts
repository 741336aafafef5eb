import { conditionsOf, type Phase, phaseOf, type WorkspaceKind } from '../../machines/workspace-phase.js';
import {
  type StartWorkspaceRequest,
  WorkspaceConditionBool,
  type WorkspaceConditions,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../gen/ws-manager-api/core.js';
import type { ManagerConfig } from './config.js';
import { gitStatusOf } from './instance/git-report.js';
import type { InstanceRecord } from './instance/instance-record.js';
import { decodeRequest } from './instance/request.js';

const PHASES = {
  pending: WorkspacePhase.PENDING,
  creating: WorkspacePhase.CREATING,
  initializing: WorkspacePhase.INITIALIZING,
  running: WorkspacePhase.RUNNING,
  stopping: WorkspacePhase.STOPPING,
  stopped: WorkspacePhase.STOPPED,
} as const satisfies Record<Phase, WorkspacePhase>;

const TYPES = {
  regular: WorkspaceType.REGULAR,
  prebuild: WorkspaceType.PREBUILD,
  imagebuild: WorkspaceType.IMAGEBUILD,
} as const satisfies Record<WorkspaceKind, WorkspaceType>;

/** What callers are told about an instance: its record, and the token that only its owner may see. */
export function statusOf(config: ManagerConfig, record: InstanceRecord, ownerToken: string): WorkspaceStatus {
  const { life, version } = record;
  const request = decodeRequest(record.request);
  const { spec } = request;
  return {
    id: life.identity.instance,
    statusVersion: BigInt(version),
    metadata: metadataOf(record, request),
    spec: {
      workspaceImage: spec?.workspaceImage ?? '',
      headless: life.kind !== 'regular',
      url: record.url,
      exposedPorts: [],
      type: TYPES[life.kind],
      timeout: spec?.timeout || config.timeouts.regularWorkspace,
      ideImage: spec?.ideImage,
      class: spec?.class ?? '',
      ideImageLayers: spec?.ideImageLayers ?? [],
      closedTimeout: spec?.closedTimeout || config.timeouts.afterClose,
    },
    phase: PHASES[phaseOf(life)],
    conditions: wireConditions(record),
    message: life.message,
    repo: life.gitStatus === undefined ? undefined : gitStatusOf(life.gitStatus),
    runtime: life.deployed
      ? { nodeName: config.nodeName, podName: life.identity.instance, nodeIp: config.nodeAddress }
      : undefined,
    auth: { admission: spec?.admission ?? 0, ownerToken },
    initializerMetrics: undefined,
  };
}

function metadataOf({ life }: InstanceRecord, { metadata }: StartWorkspaceRequest) {
  return {
    owner: life.identity.owner,
    metaId: life.identity.workspace,
    startedAt: new Date(life.createdAt),
    annotations: metadata?.annotations ?? {},
    team: metadata?.team,
    project: metadata?.project,
    metrics: undefined,
  };
}

function wireConditions({ life }: InstanceRecord): WorkspaceConditions {
  const conditions = conditionsOf(life);
  return {
    failed: conditions.failed,
    timeout: '',
    pullingImages: WorkspaceConditionBool.FALSE,
    snapshot: '',
    finalBackupComplete: wireBool(conditions.finalBackupComplete),
    deployed: wireBool(conditions.deployed),
    networkNotReady: WorkspaceConditionBool.FALSE,
    firstUserActivity: undefined,
    headlessTaskFailed: conditions.headlessTaskFailed,
    stoppedByRequest: wireBool(conditions.stoppedByRequest),
    volumeSnapshot: undefined,
    aborted: wireBool(conditions.aborted),
  };
}

function wireBool(value: boolean): WorkspaceConditionBool {
  return value ? WorkspaceConditionBool.TRUE : WorkspaceConditionBool.FALSE;
}
