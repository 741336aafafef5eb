/** What each event of a backup timer does to its data. Times and random fractions come in with the events. */
import type { Failure } from './content-types.js';
import type { InstanceId } from './ids.js';
import {
  BACKUP_ANSWER_MS,
  BACKUP_CATCH_UP_MS,
  BACKUP_PAUSE_MAX_MS,
  BACKUP_PAUSE_MIN_MS,
  BACKUP_PERIOD_MS,
  BACKUP_SPREAD_SHARE,
  BACKUP_STOP_MS,
  type PauseLimits,
  pauseMs,
  RECORD_MS,
} from './limits.js';

/** Milliseconds, except the share. */
export interface BackupTimerLimits extends PauseLimits {
  readonly periodMs: number;
  /** Between 0 and 1. */
  readonly spreadShare: number;
  readonly catchUpMs: number;
  readonly answerMs: number;
  readonly stopMs: number;
  readonly recordMs: number;
}

export const backupTimerLimits: BackupTimerLimits = {
  periodMs: BACKUP_PERIOD_MS,
  spreadShare: BACKUP_SPREAD_SHARE,
  catchUpMs: BACKUP_CATCH_UP_MS,
  pauseMinMs: BACKUP_PAUSE_MIN_MS,
  pauseMaxMs: BACKUP_PAUSE_MAX_MS,
  answerMs: BACKUP_ANSWER_MS,
  stopMs: BACKUP_STOP_MS,
  recordMs: RECORD_MS,
};

/** What is on disk about a timer. */
export interface BackupTimerRecord {
  /** When the next backup is due, in milliseconds since the epoch. */
  readonly nextAt: number;
  /** Backups asked for so far: the number of the last one. */
  readonly run: number;
  /** Failed backups in a row. */
  readonly failures: number;
}

export interface BackupTimerContext extends BackupTimerRecord {
  readonly instance: InstanceId;
  readonly limits: BackupTimerLimits;
  readonly isRecorded: boolean;
  /** When the newest event happened. */
  readonly at: number;
  /** Until when the present wait lasts. */
  readonly deadline: number;
  readonly waitingFor: string;
  readonly stopping: boolean;
  readonly how: 'clean' | 'forced';
  /** Why the last backup, or the last write of the record, failed. */
  readonly failure: Failure | undefined;
}

export type BackupTimerInput = {
  readonly instance: InstanceId;
  readonly limits: BackupTimerLimits;
  readonly at: number;
  /** Uniform in [0, 1). */
  readonly jitter: number;
  /** What is on disk when the timer comes back; undefined for a new one. */
  readonly record: BackupTimerRecord | undefined;
};

type Change = Partial<BackupTimerContext>;

export function startingContext(input: BackupTimerInput): BackupTimerContext {
  const { instance, limits, at, record } = input;
  return {
    instance,
    nextAt: record === undefined ? at + periodMs(limits, input.jitter) : caughtUp(input, record),
    run: record?.run ?? 0,
    failures: record?.failures ?? 0,
    limits,
    isRecorded: record !== undefined,
    at,
    deadline: at,
    waitingFor: '',
    stopping: false,
    how: 'clean',
    failure: undefined,
  };
}

export function toRecord(context: BackupTimerContext): BackupTimerRecord {
  const { nextAt, run, failures } = context;
  return { nextAt, run, failures };
}

export function waiting(context: BackupTimerContext, waitingFor: string, milliseconds: number): Change {
  return { waitingFor, deadline: context.at + milliseconds };
}

export function succeeded(context: BackupTimerContext, at: number, jitter: number): Change {
  return { at, nextAt: at + periodMs(context.limits, jitter), failures: 0, failure: undefined };
}

/** The next try comes sooner than the next period after one failure, and later after many. */
export function failed(context: BackupTimerContext, failure: Failure): Change {
  const failures = context.failures + 1;
  const nextAt = failure.at + pauseMs(context.limits, failures, failure.jitter);
  return { at: failure.at, nextAt, failures, failure };
}

function periodMs(limits: BackupTimerLimits, jitter: number): number {
  return Math.round(limits.periodMs * (1 + limits.spreadShare * (jitter - 0.5)));
}

/**
 * However many backups fell due while nothing ran, one is made, soon. A clock that was set back does not
 * postpone it beyond what a timer ever waits.
 */
function caughtUp({ limits, at, jitter }: BackupTimerInput, record: BackupTimerRecord): number {
  if (record.nextAt <= at) return at + Math.round(limits.catchUpMs * jitter);
  const longestMs = Math.max(limits.periodMs * (1 + limits.spreadShare / 2), limits.pauseMaxMs);
  return Math.min(record.nextAt, at + Math.round(longestMs));
}
