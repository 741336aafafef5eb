/** Longest object name, in characters. */
export const OBJECT_NAME_LENGTH_MAX = 1_000;
/** Longest segment of an object name: NAME_MAX of Linux file systems. */
export const OBJECT_SEGMENT_LENGTH_MAX = 255;

/** Longest `<key>@<bucket>`: a name, the sign, and a bucket with the stage and owner in it. */
export const OBJECT_URL_LENGTH_MAX = 1_300;

/** Longest name of a bucket that every storage takes. */
export const BUCKET_LENGTH_MAX = 63;

/** Attempts at one operation, the first included. */
export const ATTEMPTS_MAX = 4;
/** First pause between attempts. */
export const RETRY_PAUSE_MS = 200;
/** Longest pause between attempts, before jitter. */
export const RETRY_PAUSE_LONGEST_MS = 5_000;
/** Up to this share of a pause is added at random. */
export const RETRY_JITTER_FRACTION = 0.5;

/** Largest marker or witness file of a directory storage. */
export const IDENTITY_BYTES = 8 * 1024;

/** Bytes written to a file after which those that are there by then are read again. */
export const REREAD_STEP_BYTES = 8 * 1024 * 1024;
