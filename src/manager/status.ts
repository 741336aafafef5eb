import type { InstanceId } from '../../machines/ids.js';
import { conditionsOf, type Phase, phaseOf, type WorkspaceKind } from '../../machines/workspace-phase.js';
import { formatDuration } from '../config/duration.js';
import {
  AdmissionLevel,
  type PortSpec,
  type StartWorkspaceRequest,
  WorkspaceConditionBool,
  type WorkspaceConditions,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../gen/ws-manager-api/core.js';
import type { ManagerConfig } from './config.js';
import { initializerMetricsOf } from './initializer-metrics.js';
import { gitStatusOf } from './instance/git-report.js';
import type { InstanceParts } from './instance/instance.js';
import type { InstanceRecord } from './instance/instance-record.js';
import { decodeRequest } from './instance/request.js';
import type { Port } from './instance/settings.js';
import { PROTOCOLS, VISIBILITIES } from './port-wire.js';
import type { PortForwarding } from './runtime-ports.js';

export const PHASES = {
  pending: WorkspacePhase.PENDING,
  creating: WorkspacePhase.CREATING,
  initializing: WorkspacePhase.INITIALIZING,
  running: WorkspacePhase.RUNNING,
  stopping: WorkspacePhase.STOPPING,
  stopped: WorkspacePhase.STOPPED,
} as const satisfies Record<Phase, WorkspacePhase>;

const ADMISSIONS = {
  owner: AdmissionLevel.ADMIT_OWNER_ONLY,
  everyone: AdmissionLevel.ADMIT_EVERYONE,
} as const;

export const TYPES = {
  regular: WorkspaceType.REGULAR,
  prebuild: WorkspaceType.PREBUILD,
  imagebuild: WorkspaceType.IMAGEBUILD,
} as const satisfies Record<WorkspaceKind, WorkspaceType>;

/** What callers are told about an instance: its record, and the token that only its owner may see. */
export function statusOf(
  config: ManagerConfig,
  ports: Pick<PortForwarding, 'urlOf'>,
  record: InstanceRecord,
  { ownerToken }: Pick<InstanceParts, 'ownerToken'>,
): WorkspaceStatus {
  const { life, settings, version } = record;
  const request = decodeRequest(record.request);
  const { spec } = request;
  // What its ports were reached at may be somebody else's by now.
  const isOver = phaseOf(life) === 'stopped';
  return {
    id: life.identity.instance,
    statusVersion: BigInt(version),
    metadata: metadataOf(record, request),
    spec: {
      workspaceImage: spec?.workspaceImage ?? '',
      headless: life.kind !== 'regular',
      url: record.url,
      exposedPorts: isOver
        ? []
        : settings.ports.flatMap((port) => exposed(ports, life.identity.instance, port)),
      type: TYPES[life.kind],
      timeout: formatDuration(settings.timeoutMs ?? config.timeouts.regularMs),
      ideImage: spec?.ideImage,
      class: spec?.class ?? '',
      ideImageLayers: spec?.ideImageLayers ?? [],
      closedTimeout: formatDuration(settings.closedTimeoutMs ?? config.timeouts.afterCloseMs),
    },
    phase: PHASES[phaseOf(life)],
    conditions: wireConditions(record),
    message: life.message,
    repo: life.gitStatus === undefined ? undefined : gitStatusOf(life.gitStatus),
    runtime: life.deployed
      ? { nodeName: config.nodeName, podName: life.identity.instance, nodeIp: config.nodeAddress }
      : undefined,
    auth: { admission: ADMISSIONS[settings.admission], ownerToken },
    initializerMetrics: initializerMetricsOf(life.setUp),
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

/** A port that cannot be reached is left out. */
function exposed(ports: Pick<PortForwarding, 'urlOf'>, instance: InstanceId, port: Port): PortSpec[] {
  const url = ports.urlOf(instance, port);
  if (url === undefined) return [];
  const [visibility, protocol] = [VISIBILITIES[port.visibility], PROTOCOLS[port.protocol]];
  return [{ port: port.port, visibility, protocol, url }];
}

function wireConditions({ life, activity }: InstanceRecord): WorkspaceConditions {
  const conditions = conditionsOf(life);
  return {
    failed: conditions.failed,
    timeout: conditions.timeout,
    pullingImages: WorkspaceConditionBool.FALSE,
    snapshot: life.snapshot,
    finalBackupComplete: wireBool(conditions.finalBackupComplete),
    deployed: wireBool(conditions.deployed),
    networkNotReady: WorkspaceConditionBool.FALSE,
    firstUserActivity: activity.first === undefined ? undefined : new Date(activity.first),
    headlessTaskFailed: conditions.headlessTaskFailed,
    stoppedByRequest: wireBool(conditions.stoppedByRequest),
    volumeSnapshot: undefined,
    aborted: wireBool(conditions.aborted),
  };
}

function wireBool(value: boolean): WorkspaceConditionBool {
  return value ? WorkspaceConditionBool.TRUE : WorkspaceConditionBool.FALSE;
}
