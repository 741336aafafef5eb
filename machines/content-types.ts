import type { BackupTimerRecord } from './backup-timer-steps.js';
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
  readonly preStopMs: number;
  readonly quiesceMs: number;
  readonly logsMs: number;
  readonly disconnectMs: number;
  readonly backupMs: number;
  readonly verifyMs: number;
  readonly removeMs: number;
  readonly backupAttemptsMax: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  readonly jobsMax: number;
  readonly attachmentsMax: number;
  /** Snapshots that are remembered; those still to be made are always. */
  readonly snapshotsMax: number;
  /** Between two backups of content in use; 0 for none but those somebody asks for. */
  readonly backupPeriodMs: number;
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
  /** Folders of the further working copies, in the order of their initializers. */
  readonly otherCheckouts?: readonly string[];
  /** The backup the content was restored from, and is the same as; absent when it comes from anything else. */
  readonly restoredGeneration?: number;
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
  /** Further working copies; the wire's answer knows the first one only. */
  readonly others?: readonly CheckoutReport[];
}

export interface CheckoutReport extends Omit<GitReport, 'others'> {
  /** Below the content root. */
  readonly location: string;
}

/**
 * Work that reads the content; one job runs at a time per instance. A backup serves whoever asked for it: a
 * caller, or the run of the timer with that number. Every snapshot was promised by its name.
 */
export type Job = RequestedBackup | TimedBackup | SnapshotJob;

export interface RequestedBackup {
  readonly kind: 'backup';
  readonly origin: 'request';
  readonly ticket: number;
  /** The caller says that far less content than in the backup before is right. */
  readonly acceptShrink: boolean;
}

export interface TimedBackup {
  readonly kind: 'backup';
  readonly origin: 'timer';
  readonly ticket: number;
  readonly run: number;
}

export interface SnapshotJob {
  readonly kind: 'snapshot';
  readonly ticket: number;
  readonly name: string;
}

/** A snapshot that was promised by its name, and what became of it. */
export type SnapshotRecord =
  | { readonly state: 'pending'; readonly name: string; readonly requestedAt: number }
  | {
      readonly state: 'available';
      readonly name: string;
      readonly requestedAt: number;
      readonly reference: BackupReference;
    }
  | {
      readonly state: 'failed';
      readonly name: string;
      readonly requestedAt: number;
      readonly failure: Failure;
    };

/** How the workspace's own program went that runs before its content is saved for the last time. */
export interface PreStopReport {
  readonly outcome: 'absent' | 'succeeded' | 'failed' | 'timed-out';
  /** Absent unless the program ended by itself. */
  readonly exitCode?: number;
  readonly durationMs: number;
  readonly at: number;
}

/** What became of the terminal logs of a workspace without anybody at its terminals. */
export interface LogsReport {
  readonly outcome: 'uploaded' | 'failed';
  readonly at: number;
}

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
  /** Far less content than in the backup before is right: it is saved, and not held back as suspicious. */
  readonly acceptShrink: boolean;
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
  /** At most `limits.jobsMax`, and one of the timer. */
  readonly jobs: readonly Job[];
  /** When the job at the front began. */
  readonly jobBeganAt: number;
  /** Of jobs that callers asked for, newest last; bounded by `limits.jobsMax`. */
  readonly results: readonly JobResult[];
  readonly ticket: number;
  /** Oldest first. */
  readonly snapshots: readonly SnapshotRecord[];
  readonly lastBackup: BackupReference | undefined;
  /**
   * Whatever was in the content at this time is in a committed backup: when the last backup that succeeded began,
   * one that found nothing changed included. Undefined before the first of this instance.
   */
  readonly savedAt: number | undefined;
  /** What was on disk of the backup timer when the content's actor came back. */
  readonly timer: BackupTimerRecord | undefined;
  /** The backup timer lives. */
  readonly isTimerOn: boolean;
  /** Children that were added while the content was in use and live, in the order they were added. */
  readonly attachments: readonly Attached[];
  readonly disposal: Disposal | undefined;
  /** Undefined until it has ended; it is run again only when a crash cut it short. */
  readonly preStop: PreStopReport | undefined;
  readonly logs: LogsReport | undefined;
  /** Attempts of the final backup so far, and pauses of the wrap-up. */
  readonly attempt: number;
  readonly pauses: number;
  readonly finalBackup: BackupReference | undefined;
  readonly verified: boolean;
  readonly gitStatus: GitReport | undefined;
  /** Why the present or last step failed. */
  readonly failure: Failure | undefined;
  /** Why the content never was complete, or that it is gone; what fails afterwards does not replace it. */
  readonly rootFailure: Failure | undefined;
}

/** What the world looks like to a daemon that has just come back. */
export interface Survey {
  readonly at: number;
  readonly content: 'present' | 'absent';
  readonly credentials: 'available' | 'lost';
  /** The marker that tells the inside is there. */
  readonly isAnnounced: boolean;
  /** Uniform in [0, 1); spreads what begins now. */
  readonly jitter: number;
}
