import type { Attached } from './content-attachments.js';
import type { InstanceId, OwnerId, WorkspaceId } from './ids.js';

/** The four values the wire knows (`wsdaemon.WorkspaceContentState`). */
export type ContentState = 'NONE' | 'SETTING_UP' | 'AVAILABLE' | 'WRAPPING_UP';

export interface Identity {
  readonly instance: InstanceId;
  readonly workspace: WorkspaceId;
  readonly owner: OwnerId;
}

/** What Init asked for, without its secrets: this is written to disk. */
export interface SetupRequest {
  /** The initializer without secrets, as base64 of its protobuf message. */
  readonly initializer: string;
  /** SHA-256 of the request without secrets: whether two Init requests are the same. */
  readonly fingerprint: string;
  readonly hasSecrets: boolean;
  readonly remoteStorageDisabled: boolean;
  /** Bytes; 0 for no limit. */
  readonly quotaBytes: number;
}

/** Milliseconds, and counts of attempts; from the configuration. */
export interface ContentLimits {
  readonly recordMs: number;
  readonly surveyMs: number;
  readonly reserveMs: number;
  readonly initializeMs: number;
  readonly sealMs: number;
  readonly quiesceMs: number;
  readonly disconnectMs: number;
  readonly backupMs: number;
  readonly verifyMs: number;
  readonly removeMs: number;
  readonly backupAttemptsMax: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  readonly jobsMax: number;
  readonly attachmentsMax: number;
}

/**
 * How an effect fails: always with the time it happened at and a random fraction for jitter, because machines
 * have neither clock nor randomness.
 */
export interface Failure {
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** Uniform in [0, 1). */
  readonly jitter: number;
}

export type ContentSource = 'from-backup' | 'from-prebuild' | 'from-other';

export interface StepMetric {
  readonly type: string;
  readonly durationMs: number;
  readonly sizeBytes: number;
}

/** What a finished set-up produced. */
export interface SetupResult {
  readonly source: ContentSource;
  readonly metrics: readonly StepMetric[];
  /** Folder of the main working copy below the content root; absent without one. */
  readonly checkoutLocation?: string;
  readonly warnings: readonly string[];
}

/** A committed archive: its qualified name, and what makes it provable. */
export interface BackupReference {
  readonly url: string;
  readonly generation: number;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly createdAt: number;
}

/** Git status as the wire carries it; lists already cut to their bound. */
export interface GitReport {
  readonly branch: string;
  readonly latestCommit: string;
  readonly uncommittedFiles: readonly string[];
  readonly untrackedFiles: readonly string[];
  readonly unpushedCommits: readonly string[];
  readonly totalUncommittedFiles: number;
  readonly totalUntrackedFiles: number;
  readonly totalUnpushedCommits: number;
}

/** Work that reads the content while it is in use; one job runs at a time per instance. */
export type Job =
  | { readonly kind: 'backup'; readonly ticket: number }
  | { readonly kind: 'snapshot'; readonly ticket: number; readonly name: string };

export interface JobResult {
  readonly job: Job;
  readonly at: number;
  readonly reference?: BackupReference;
  readonly failure?: Failure;
}

/** What Dispose asked for. A later call may add the backup or, explicitly, give it up. */
export interface Disposal {
  readonly backup: boolean;
  readonly backupLogs: boolean;
  /** Why, and by whom, in words for the history. */
  readonly reason: string;
}

/** The step on disk: where a restart goes on from. */
export type RecordedStep = 'setting-up' | 'available' | 'wrapping-up' | 'removing' | 'gone';

export interface ContentContext {
  readonly identity: Identity;
  readonly limits: ContentLimits;
  /** Grows with every life of this actor; results of an older one are refused. */
  readonly generation: number;
  readonly recorded: RecordedStep | undefined;
  readonly request: SetupRequest | undefined;
  /** When the newest event happened. */
  readonly at: number;
  /** When the present content state began. */
  readonly since: number;
  /** Until when the present wait may last. */
  readonly deadline: number;
  /** What the present wait is for, in words. */
  readonly waitingFor: string;
  readonly setup: SetupResult | undefined;
  readonly jobs: readonly Job[];
  /** Newest last; bounded by `limits.jobsMax`. */
  readonly results: readonly JobResult[];
  readonly ticket: number;
  readonly lastBackup: BackupReference | undefined;
  /** Children that were added while the content was in use and live, in the order they were added. */
  readonly attachments: readonly Attached[];
  readonly disposal: Disposal | undefined;
  /** Attempts of the final backup so far, and pauses of the wrap-up. */
  readonly attempt: number;
  readonly pauses: number;
  readonly finalBackup: BackupReference | undefined;
  readonly verified: boolean;
  readonly gitStatus: GitReport | undefined;
  /** Why the present or last step failed. */
  readonly failure: Failure | undefined;
}

/** What the world looks like to a daemon that has just come back. */
export interface Survey {
  readonly at: number;
  readonly content: 'present' | 'absent';
  readonly credentials: 'available' | 'lost';
  /** The marker that tells the inside is there. */
  readonly isAnnounced: boolean;
}
