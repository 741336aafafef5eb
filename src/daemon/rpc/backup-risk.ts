import type { ContentContext } from '../../../machines/content-types.js';
import type { TimerView } from '../instance/children.js';

/** When the next periodic backup is due, and since when content is at risk; what does not apply is undefined. */
export interface BackupRisk {
  readonly nextBackupMs: bigint | undefined;
  readonly backupAtRiskSinceMs: bigint | undefined;
}

type Saved = Pick<ContentContext, 'savedAt' | 'since'>;

/**
 * Content is at risk from when its oldest unsaved change may have been made: from when the last backup began that
 * succeeded (one that found nothing changed counts), or from when the content came into use, when there was none.
 * That is shown only once a backup that was due failed, or has not ended a whole period after it was due: until
 * then, all is as it should be.
 */
export function backupRisk(saved: Saved, timer: TimerView | undefined, now: number): BackupRisk {
  if (timer === undefined) return { nextBackupMs: undefined, backupAtRiskSinceMs: undefined };
  const { nextAt, failures, periodMs } = timer;
  const isOverdue = now >= nextAt + periodMs;
  const since = failures > 0 || isOverdue ? (saved.savedAt ?? saved.since) : undefined;
  return {
    nextBackupMs: BigInt(nextAt),
    backupAtRiskSinceMs: since === undefined ? undefined : BigInt(since),
  };
}

/** Nothing saves the content of an instance that has no living actor, whenever the next backup would be due. */
export function absentRisk({ timer, ...saved }: Saved & { readonly timer: object | undefined }): BackupRisk {
  return {
    nextBackupMs: undefined,
    backupAtRiskSinceMs: timer === undefined ? undefined : BigInt(saved.savedAt ?? saved.since),
  };
}
