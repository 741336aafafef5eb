/** Restarts tolerated within `DEFAULT_PERIOD_MS` when a supervisor names no intensity (OTP's default). */
export const DEFAULT_INTENSITY_MAX = 1;
/** The period the default intensity counts in (OTP's default). */
export const DEFAULT_PERIOD_MS = 5_000;

/** How long a worker may take to stop before it is killed (OTP's default). */
export const WORKER_SHUTDOWN_MS = 5_000;
/** How long a worker's start may take before it counts as failed and is killed. */
export const WORKER_START_MS = 60_000;
/** How long a killed child's hooks and pending work are waited for before they count as leaked. */
export const KILL_MS = 5_000;

/** First pause between a failure and its restart. */
export const BACKOFF_INITIAL_MS = 100;
/** Longest pause between a failure and its restart, before jitter. */
export const BACKOFF_PAUSE_MS = 10_000;
/** Each pause is this many times the one before. */
export const BACKOFF_FACTOR = 2;
/** Up to this share of a pause is added at random, so that those who failed together do not return together. */
export const BACKOFF_JITTER_FRACTION = 0.2;

/** Children a dynamic supervisor accepts when its specification names no limit. */
export const DYNAMIC_CHILDREN_MAX = 20_000;
/** Starts of one child that supervisors above one another may add up to before a warning is given. */
export const BUDGET_PRODUCT_MAX = 100;
/** Longest text kept of a child's last error, in characters. */
export const ERROR_TEXT_MAX = 500;
/** Senders that may wait for room in one mailbox; one more is refused. */
export const MAILBOX_SENDERS_MAX = 1_000;
