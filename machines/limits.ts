/** How long the waits of timers and attachments may last, and how often they try; configuration may differ. */

export const BACKUP_PERIOD_MS = 300_000;
/** A period differs by up to half of this share either way, so that instances do not back up in step. */
export const BACKUP_SPREAD_SHARE = 0.2;
/** Backups that fell due while nothing ran are spread over this time. */
export const BACKUP_CATCH_UP_MS = 30_000;
export const BACKUP_PAUSE_MIN_MS = 30_000;
export const BACKUP_PAUSE_MAX_MS = 1_800_000;
/** Longest a backup may stay unanswered; it waits for its turn behind others. */
export const BACKUP_ANSWER_MS = 7_200_000;
/** Longest a stopping timer waits for the answer of the backup under way. */
export const BACKUP_STOP_MS = 30_000;

export const RECORD_MS = 30_000;
export const SURVEY_MS = 30_000;
export const ATTACH_STEP_MS = 60_000;
export const DETACH_STEP_MS = 15_000;
/** How often taking something away is tried; the last try uses force. */
export const DETACH_ATTEMPTS_MAX = 4;
export const DETACH_PAUSE_MIN_MS = 250;
export const DETACH_PAUSE_MAX_MS = 4_000;

export interface PauseLimits {
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
}

/** Enough to reach any bound of a pause, and far from overflowing. */
const DOUBLINGS_MAX = 30;

/**
 * How long to wait after the n-th failure in a row (n from 1): doubling from the least to the most, and the
 * second half of it random. `jitter` is uniform in [0, 1).
 */
export function pauseMs(limits: PauseLimits, failures: number, jitter: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), DOUBLINGS_MAX);
  const full = Math.min(limits.pauseMinMs * 2 ** doublings, limits.pauseMaxMs);
  return Math.round(full / 2 + (full / 2) * jitter);
}
