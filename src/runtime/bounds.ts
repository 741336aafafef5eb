/** How long a started shim may take to tell who it is. */
export const IDENTITY_WAIT_MS = 10_000;
/** First pause between two looks at a run; it doubles up to the longest. */
export const WATCH_PAUSE_MIN_MS = 10;
/** Longest pause between two looks at a run: how late an end is noticed at most. */
export const WATCH_PAUSE_MAX_MS = 500;
/** Longest pause between two looks at a run that was told to end. */
export const STOP_PAUSE_MAX_MS = 100;
/** How long killed processes may take to disappear before the stop is reported as failed. */
export const KILL_WAIT_MS = 10_000;
/** Pause between two looks at a log that is followed. */
export const LOG_PAUSE_MS = 100;
/** Bytes read at a time when the beginning of the last lines is looked for. */
export const LOG_TAIL_CHUNK_BYTES = 65_536;
/** Most bytes that are searched backwards for the beginning of the last lines. */
export const LOG_TAIL_SEARCH_BYTES = 16 * 1024 * 1024;
/** Most bytes of the small files a shim writes. */
export const SHIM_FILE_BYTES_MAX = 256;
