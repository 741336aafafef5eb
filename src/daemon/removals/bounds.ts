/** How long what was moved away waits for a time in which the node saves nothing; its disk may need the room. */
export const REMOVAL_HOLD_MS = 30_000;
/** How often it is looked whether that time has come. */
export const REMOVAL_LOOK_MS = 250;
/** Trees that wait; one more is removed while its instance waits. */
export const REMOVALS_WAITING_MAX = 1_000;
/** Nothing waits while less than this share of the disk is free. */
export const REMOVAL_FREE_SHARE_MIN = 0.1;
/** Until a tree that could not be removed is tried again. */
export const REMOVAL_RETRY_MS = 10 * 60_000;
/** How long a daemon that stops goes on removing; what is left then, the next one finds. */
export const REMOVALS_CLOSE_MS = 5_000;
