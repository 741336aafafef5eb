import type { ContentLimits } from '../../../machines/content-types.js';
import * as bounds from '../bounds.js';

export const QUEUE_NAMES = ['setup', 'backup', 'snapshot'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

export interface QueueLimit {
  /** Pieces of work that run at the same time; never more. */
  readonly concurrency: number;
  /** How long one may wait for its turn. */
  readonly waitMs: number;
}

export type QueueLimits = Readonly<Record<QueueName, QueueLimit>>;

export const QUEUE_DEFAULTS: QueueLimits = {
  setup: { concurrency: bounds.SETUPS_RUNNING_MAX, waitMs: bounds.SETUP_WAIT_MS },
  backup: { concurrency: bounds.BACKUPS_RUNNING_MAX, waitMs: bounds.BACKUP_WAIT_MS },
  snapshot: { concurrency: bounds.SNAPSHOTS_RUNNING_MAX, waitMs: bounds.SNAPSHOT_WAIT_MS },
};

/** The longest a step may take from its beginning, its wait for a turn included: what its machine allows for it. */
export function withWaits(limits: ContentLimits, queues: QueueLimits): ContentLimits {
  const { setup, backup, snapshot } = queues;
  return {
    ...limits,
    initializeMs: limits.initializeMs + setup.waitMs + bounds.QUEUE_END_MS,
    backupMs: limits.backupMs + Math.max(backup.waitMs, snapshot.waitMs) + bounds.QUEUE_END_MS,
  };
}
