import type {
  BackupReference,
  ContentContext,
  Failure,
  Identity,
  SetupResult,
} from '../../../machines/content-types.js';
import { type ContentRecord, stateOfRecord } from '../../../machines/record.js';
import type { ArchivePlace } from '../../content/archive-objects.js';
import { catalog } from '../../errors/catalog.js';
import { isErrorCode } from '../../errors/steward-error.js';
import { ArchiveKind, type Backup } from '../../gen/steward/v1/backup.js';
import {
  type ContentFailure,
  ContentSource,
  type ContentStatus,
  type SetupOutcome,
} from '../../gen/steward/v1/content.js';
import { WorkspaceContentState } from '../../gen/ws-daemon-api/daemon.js';
import type { Finished } from '../instance/finished.js';
import type { Instance } from '../instance/instance.js';
import type { Absence } from '../instances.js';
import { absentRisk, backupRisk } from './backup-risk.js';
import { preStopOf, queueOf, snapshotsOf } from './content-work.js';
import { gitStatusOf } from './git-status.js';

/** What a status is told from, beside the instance. */
export interface StatusSource {
  readonly node: string;
  readonly place: Pick<ArchivePlace, 'storage' | 'world'>;
}

/** One living instance, with step and cause. */
export function statusOf(instance: Instance, { node, place }: StatusSource): ContentStatus {
  const { view, latest } = instance;
  const { context } = view;
  const isPausing =
    view.step.endsWith('pausing') || view.step.endsWith('stranded') || view.step.includes('retrying');
  const isWaiting =
    !isPausing && context.waitingFor !== '' && view.step !== 'available.idle' && view.step !== 'none';
  return {
    ...emptyStatus(context.identity, node),
    state: WorkspaceContentState[view.state],
    step: view.step,
    cause: latest.cause,
    detail: context.failure?.message ?? '',
    sinceMs: BigInt(context.since),
    stepSinceMs: BigInt(latest.at),
    generation: BigInt(context.generation),
    sequence: BigInt(latest.sequence),
    waitingFor: isWaiting || isPausing ? context.waitingFor : '',
    deadlineMs: isWaiting ? BigInt(context.deadline) : undefined,
    attempts: context.attempt,
    nextAttemptMs: isPausing ? BigInt(context.deadline) : undefined,
    lastBackup: context.lastBackup === undefined ? undefined : backupOf(context.lastBackup, context),
    gitStatus: context.gitStatus === undefined ? undefined : gitStatusOf(context.gitStatus),
    failure: context.failure === undefined ? undefined : failureOf(context.failure),
    setup: context.setup === undefined ? undefined : setupOf(context.setup),
    remoteStorageDisabled: context.request?.remoteStorageDisabled ?? false,
    storageQuotaBytes: BigInt(context.request?.quotaBytes ?? 0),
    ...backupRisk(context, instance.timer, place.world.clock.now()),
    attachments: [...instance.attachments],
    preStop: preStopOf(context.preStop),
    snapshots: snapshotsOf(context, place.storage),
    queue: queueOf(context, view.step, place.storage),
  };
}

/** An instance without a living actor: parked, or about to be started again. Its content is as recorded. */
export function absentStatusOf(
  record: ContentRecord,
  { node, place }: StatusSource,
  absence: Absence | undefined,
): ContentStatus {
  const { identity, at, since, failure, lastBackup, request } = record;
  const reason = absence?.reason ?? failure?.message ?? '';
  const isParked = absence?.isParked === true;
  const parkedAt = absence?.parkedAt ?? at;
  return {
    ...emptyStatus(identity, node),
    state: WorkspaceContentState[stateOfRecord(record.step)],
    step: isParked ? 'parked' : 'restarting',
    cause: isParked ? 'parked' : 'failed',
    detail: reason,
    sinceMs: BigInt(since),
    stepSinceMs: BigInt(parkedAt),
    generation: BigInt(record.generation),
    lastBackup: lastBackup === undefined ? undefined : backupOf(lastBackup, record),
    failure: failure === undefined ? undefined : failureOf(failure),
    parked: isParked ? { reason, sinceMs: BigInt(parkedAt) } : undefined,
    remoteStorageDisabled: request?.remoteStorageDisabled ?? false,
    storageQuotaBytes: BigInt(request?.quotaBytes ?? 0),
    ...absentRisk(record),
    preStop: preStopOf(record.preStop),
    snapshots: snapshotsOf(record, place.storage),
    queue: queueOf(record, 'absent', place.storage),
  };
}

/** An instance that is gone, as far as it is remembered. */
export function finishedStatusOf(finished: Finished, { node, place }: StatusSource): ContentStatus {
  return {
    ...emptyStatus(finished.identity, node),
    step: 'gone',
    cause: 'removing.done',
    detail: finished.failure?.message ?? finished.disposal?.reason ?? '',
    sinceMs: BigInt(finished.endedAt),
    stepSinceMs: BigInt(finished.endedAt),
    lastBackup: finished.finalBackup === undefined ? undefined : backupOf(finished.finalBackup, finished),
    gitStatus: finished.gitStatus === undefined ? undefined : gitStatusOf(finished.gitStatus),
    failure: finished.failure === undefined ? undefined : failureOf(finished.failure),
    preStop: preStopOf(finished.preStop),
    snapshots: snapshotsOf(finished, place.storage),
  };
}

function emptyStatus(identity: Identity, node: string): ContentStatus {
  return {
    instanceId: identity.instance,
    owner: identity.owner,
    workspaceId: identity.workspace,
    node,
    state: WorkspaceContentState.NONE,
    step: 'none',
    cause: '',
    detail: '',
    sinceMs: 0n,
    stepSinceMs: 0n,
    generation: 0n,
    sequence: 0n,
    waitingFor: '',
    attempts: 0,
    lastBackup: undefined,
    gitStatus: undefined,
    failure: undefined,
    setup: undefined,
    parked: undefined,
    attachments: [],
    remoteStorageDisabled: false,
    storageQuotaBytes: 0n,
    preStop: undefined,
    snapshots: [],
    queue: [],
  };
}

function backupOf(reference: BackupReference, of: Pick<ContentContext, 'identity'>): Backup {
  return {
    url: reference.url,
    owner: of.identity.owner,
    workspaceId: of.identity.workspace,
    instanceId: of.identity.instance,
    generation: BigInt(reference.generation),
    sha256: reference.sha256,
    sizeBytes: BigInt(reference.sizeBytes),
    createdMs: BigInt(reference.createdAt),
    archives: [],
    changed: undefined,
    entries: 0n,
    contentBytes: 0n,
    tornFiles: 0n,
    unusable: '',
    kind: ArchiveKind.ARCHIVE_KIND_UNSPECIFIED,
  };
}

function failureOf(failure: Failure): ContentFailure {
  return {
    code: failure.code,
    message: failure.message,
    retryable: failure.retryable,
    remedy: isErrorCode(failure.code) ? catalog[failure.code].remedy : '',
    atMs: BigInt(failure.at),
  };
}

const SOURCES = {
  'from-backup': ContentSource.CONTENT_SOURCE_FROM_BACKUP,
  'from-prebuild': ContentSource.CONTENT_SOURCE_FROM_PREBUILD,
  'from-other': ContentSource.CONTENT_SOURCE_FROM_OTHER,
} as const;

function setupOf(setup: SetupResult): SetupOutcome {
  return {
    source: SOURCES[setup.source],
    steps: setup.metrics.map((metric) => ({
      initializer: metric.type,
      durationMs: BigInt(Math.round(metric.durationMs)),
      sizeBytes: BigInt(metric.sizeBytes),
    })),
    checkoutLocation: setup.checkoutLocation ?? '',
    warnings: [...setup.warnings],
  };
}
