/** Events that may wait for one subscriber before it is cut off. */
export const SUBSCRIBER_QUEUE_MAX = 1_000;

/** Subscribers at the same time. */
export const SUBSCRIBERS_MAX = 1_000;

/** How long a Redis server may take to let us in, and to take one event. */
export const REDIS_CONNECT_TIMEOUT_MS = 5_000;
export const REDIS_PUBLISH_DEADLINE_MS = 5_000;

/** Pauses between attempts to connect to Redis; they double, with jitter. */
export const REDIS_RECONNECT_MIN_MS = 100;
export const REDIS_RECONNECT_MAX_MS = 10_000;

/** After so long without traffic the system asks whether the other side is still there. */
export const REDIS_KEEP_ALIVE_MS = 10_000;
