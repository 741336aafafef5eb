import type { ContentContext, PreStopReport, SnapshotRecord } from '../../../machines/content-types.js';
import { snapshotUrl } from '../../content/snapshots.js';
import { type Snapshot, SnapshotState } from '../../gen/steward/v1/backup.js';
import { type PreStopOutcome, PreStopResult, type QueuedWork } from '../../gen/steward/v1/content.js';
import type { ObjectStorage } from '../../storage/object-storage.js';

const RESULTS = {
  absent: PreStopResult.PRE_STOP_RESULT_ABSENT,
  succeeded: PreStopResult.PRE_STOP_RESULT_SUCCEEDED,
  failed: PreStopResult.PRE_STOP_RESULT_FAILED,
  'timed-out': PreStopResult.PRE_STOP_RESULT_TIMED_OUT,
} as const;

export function preStopOf(report: PreStopReport | undefined): PreStopOutcome | undefined {
  if (report === undefined) return undefined;
  const { outcome, exitCode, durationMs } = report;
  return {
    result: RESULTS[outcome],
    durationMs: BigInt(Math.round(durationMs)),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

type Asked = Pick<ContentContext, 'identity' | 'snapshots'>;

/** Every promised snapshot with its outcome, oldest first. */
export function snapshotsOf({ identity, snapshots }: Asked, storage: ObjectStorage): Snapshot[] {
  return snapshots.map((record) => ({
    url: snapshotUrl(storage, identity, record.name),
    owner: identity.owner,
    workspaceId: identity.workspace,
    instanceId: identity.instance,
    createdMs: BigInt(record.requestedAt),
    ...outcomeOf(record),
  }));
}

function outcomeOf(record: SnapshotRecord): Pick<Snapshot, 'sha256' | 'sizeBytes' | 'state' | 'failure'> {
  const nothing = { sha256: '', sizeBytes: 0n, failure: undefined };
  switch (record.state) {
    case 'pending':
      return { ...nothing, state: SnapshotState.SNAPSHOT_STATE_PENDING };
    case 'available': {
      const { sha256, sizeBytes } = record.reference;
      const state = SnapshotState.SNAPSHOT_STATE_AVAILABLE;
      return { ...nothing, sha256, sizeBytes: BigInt(sizeBytes), state };
    }
    case 'failed': {
      const { code, message, at } = record.failure;
      const failure = { code, message, atMs: BigInt(at) };
      return { ...nothing, state: SnapshotState.SNAPSHOT_STATE_FAILED, failure };
    }
  }
}

/** Backups and snapshots in the order they are made; only the first can be running. */
export function queueOf(
  { identity, jobs }: Pick<ContentContext, 'identity' | 'jobs'>,
  step: string,
  storage: ObjectStorage,
): QueuedWork[] {
  const isWorking = step === 'available.working' || step === 'wrappingUp.makingSnapshot';
  return jobs.map((job, index) => ({
    kind: job.kind,
    origin: job.kind === 'backup' ? job.origin : 'request',
    url: job.kind === 'snapshot' ? snapshotUrl(storage, identity, job.name) : '',
    running: isWorking && index === 0,
  }));
}
