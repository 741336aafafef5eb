/** Largest record, header included. */
export const RECORD_BYTES = 1024 * 1024;
/** Records written at the same time; the others wait their turn. */
export const RECORD_WRITES_MAX = 32;
/** Records read at the same time when all are loaded. */
export const RECORD_READS_MAX = 64;
/** Keys that may have a write waiting before further ones are refused. */
export const WAITING_KEYS_MAX = 50_000;

/** A segment of the history is closed when it has grown to this. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** The oldest segments are dropped when all of them together exceed this. */
export const HISTORY_BYTES = 64 * 1024 * 1024;
/** Longest line of the history. */
export const HISTORY_LINE_BYTES = 64 * 1024;
/** Sequence numbers reserved on disk at once; at most so many are skipped after a crash. */
export const SEQUENCE_BLOCK_MAX = 4096;
/** Largest file that holds the reservation. */
export const RESERVATION_BYTES = 100;

/** Transitions written to the history with one sync. */
export const PUBLISH_BATCH_MAX = 512;
/** Longest detail of a transition that is kept, in characters. */
export const DETAIL_LENGTH_MAX = 4_000;
/** Transitions that may wait, held or ready, before further ones are refused. */
export const UNPUBLISHED_MAX = 100_000;
/** Transitions that may wait for one subscriber before it is told that it lost some. */
export const SUBSCRIBER_QUEUE_MAX = 1_000;
/** Subscribers at the same time. */
export const SUBSCRIBERS_MAX = 1_000;
/** First pause before sequence numbers are asked for again when they cannot be reserved. */
export const RESERVE_PAUSE_MS = 100;
/** Longest such pause; attempts go on until the disk is mended or the program stops. */
export const RESERVE_PAUSE_LONGEST_MS = 10_000;
/** Tries to take the lock of a folder that others take and give back meanwhile. */
export const LOCK_ATTEMPTS_MAX = 5;
/** Largest lock file that is read. */
export const LOCK_BYTES = 4096;

/** Largest marker or witness of a folder. */
export const WITNESS_BYTES = 8 * 1024;
