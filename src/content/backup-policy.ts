import {
  BACKUP_KEEP_AGE_MS,
  BACKUP_KEEP_COUNT,
  FULL_AFTER_INCREMENTS,
  FULL_WHEN_INCREMENTS_EXCEED_SHARE,
  SHRINK_MIN_BYTES,
  SHRINK_MIN_ENTRIES,
  SHRINK_SHARE,
} from './bounds.js';

/** When a chain starts over, what is kept of older ones, and what never goes into a backup. */
export interface BackupPolicy {
  /** Increments a chain may have before the next backup is a full one. 0: every backup is full. */
  readonly fullAfterIncrements: number;
  /** Share of the full archive's size that its increments may reach together before the next backup is full. */
  readonly fullWhenIncrementsExceedShare: number;
  /** Newest generations that are always kept; at least 1. */
  readonly keepCount: number;
  /** Older generations are kept until they are this old. */
  readonly keepAgeMs: number;
  /** Patterns as in `.stewardignore` (see exclude.ts). */
  readonly excludes: readonly string[];
  readonly shrink: ShrinkGuard;
  /** Each full and each final backup also goes into `full.tar`, for tools that know no chains (see full-tar.ts). */
  readonly fullTar?: boolean;
  /** Absent: as fast as it goes. */
  readonly bandwidthBytesPerSecond?: number;
}

/**
 * A backup is suspicious when the one before held at least `minEntries` entries or `minBytes` bytes and of that
 * less than `share` (0 to 1) is left. A `share` of 0 turns the guard off.
 */
export interface ShrinkGuard {
  readonly minEntries: number;
  readonly minBytes: number;
  readonly share: number;
}

export const DEFAULT_BACKUP_POLICY: BackupPolicy = {
  fullAfterIncrements: FULL_AFTER_INCREMENTS,
  fullWhenIncrementsExceedShare: FULL_WHEN_INCREMENTS_EXCEED_SHARE,
  keepCount: BACKUP_KEEP_COUNT,
  keepAgeMs: BACKUP_KEEP_AGE_MS,
  excludes: [],
  shrink: { minEntries: SHRINK_MIN_ENTRIES, minBytes: SHRINK_MIN_BYTES, share: SHRINK_SHARE },
};
