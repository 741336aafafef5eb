/** Events that may wait for one subscriber before it is cut off. */
export const SUBSCRIBER_QUEUE_MAX = 1_000;

/** Subscribers at the same time. */
export const SUBSCRIBERS_MAX = 1_000;
