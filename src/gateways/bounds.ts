/** Longest single wait handed to Node, so that steps of the wall clock are noticed soon. */
export const CLOCK_CHECK_MS = 60_000;
/** Timers may fire this much before the wall clock agrees; a larger difference means the clock stepped back. */
export const CLOCK_EARLY_MS = 50;

/** Bytes a file stream reads at a time. */
export const READ_CHUNK_BYTES = 256 * 1024;
/** Bytes read at a time of a file that does not tell its size, such as those of /proc. */
export const READ_UNKNOWN_BYTES = 16 * 1024;
/** Bytes read at a time of what the kernel says of one open file: a few short lines. */
export const FDINFO_BYTES = 1024;
/** Bytes a file stream takes before it asks its writer to wait. */
export const WRITE_BUFFER_BYTES = 1024 * 1024;

/** Entries of one folder removed at the same time. */
export const REMOVE_CONCURRENCY_MAX = 16;
/** Folders held open one below the other while a tree is removed; deeper ones are moved up first. */
export const REMOVE_DEPTH_MAX = 64;
/** Rounds over a folder that others keep filling before its removal fails. */
export const REMOVE_ROUNDS_MAX = 100;

/** How often the output of an ended process is looked at, to see whether a process that escaped holds it open. */
export const DRAIN_CHECK_MS = 250;
/** Looks in a row without anything to read before such output counts as ended. */
export const DRAIN_LOOKS_MAX = 4;
/** Looks at a folder in which entries go meanwhile, before it is given up. */
export const LIST_LOOKS_MAX = 20;
