import type {
  BackupReference,
  ContentContext,
  Disposal,
  Failure,
  GitReport,
  Identity,
  PreStopReport,
  SnapshotRecord,
} from '../../../machines/content-types.js';

/** What is remembered of an instance that is gone, so that a repeated call gets the same answer. */
export interface Finished {
  readonly identity: Identity;
  readonly endedAt: number;
  /** The content once was complete; otherwise `failure` says why it never was. */
  readonly wasAvailable: boolean;
  readonly fingerprint: string | undefined;
  readonly disposal: Disposal | undefined;
  readonly gitStatus: GitReport | undefined;
  readonly finalBackup: BackupReference | undefined;
  /** What became of every snapshot that was promised. */
  readonly snapshots: readonly SnapshotRecord[];
  readonly preStop: PreStopReport | undefined;
  readonly failure: Failure | undefined;
}

export function finishedFrom(context: ContentContext): Finished {
  return {
    identity: context.identity,
    endedAt: context.at,
    wasAvailable: context.setup !== undefined,
    fingerprint: context.request?.fingerprint,
    disposal: context.disposal,
    gitStatus: context.gitStatus,
    finalBackup: context.finalBackup,
    snapshots: context.snapshots,
    preStop: context.preStop,
    failure: context.rootFailure ?? context.failure,
  };
}
