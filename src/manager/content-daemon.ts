import type { StepMetric } from '../../machines/content-types.js';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { GitStatus, WorkspaceInitializer } from '../gen/content-service-api/initializer.js';

/**
 * What the manager asks of the daemon that holds the content. Failures are StewardErrors with the daemon's code;
 * `unavailable`, `cancelled` and `deadline-exceeded` say nothing about whether the daemon did it. Every call ends when
 * its signal aborts.
 */
export interface ContentDaemon {
  /** Has the content produced; resolves when it is ready. `already-exists` when the daemon knows the instance. */
  init(request: InitContent, signal: AbortSignal): Promise<void>;
  waitForInit(instance: InstanceId, signal: AbortSignal): Promise<void>;
  /** What each step of the set-up took. */
  setUpMetrics(instance: InstanceId, signal: AbortSignal): Promise<readonly StepMetric[]>;
  exists(instance: InstanceId, signal: AbortSignal): Promise<boolean>;
  /** Saves the content, and what its terminals said, if asked to, and removes it. */
  dispose(instance: InstanceId, what: Disposal, signal: AbortSignal): Promise<GitStatus | undefined>;
  /** The snapshot's URL: once it is stored, or at once. */
  snapshot(instance: InstanceId, returnImmediately: boolean, signal: AbortSignal): Promise<string>;
  /** The backup's URL. */
  backup(instance: InstanceId, signal: AbortSignal): Promise<string>;
}

export interface Disposal {
  readonly backup: boolean;
  readonly backupLogs: boolean;
}

export interface InitContent {
  readonly instance: InstanceId;
  readonly workspace: WorkspaceId;
  readonly owner: OwnerId;
  readonly initializer: WorkspaceInitializer;
}
