/** Sent in one request of an upload and kept in memory until the server has it; a multiple of 256 KiB. */
export const CHUNK_BYTES = 16 * 1024 * 1024;
/** Attempts that the library makes after a failed one, within an upload above all. */
export const LIBRARY_RETRIES_MAX = 3;
/** All attempts of the library at one request together. */
export const LIBRARY_RETRIES_SECONDS = 60;
/** Longest pause between them. */
export const LIBRARY_PAUSE_SECONDS = 5;
/** To answer one request. */
export const REQUEST_DEADLINE_MS = 120_000;
/** Objects of one page of a list. */
export const PAGE_OBJECTS = 1_000;
/** Requests to delete at one time. */
export const DELETE_PARALLEL = 16;
/** Buckets of owners that are remembered to be there. */
export const BUCKETS_KNOWN_MAX = 10_000;
/** Bearers of a signed link may use it this long (content spec 4.4). */
export const SIGNED_LINK_MS = { read: 60 * 60 * 1000, write: 30 * 60 * 1000 } as const;
/** Objects up to this size are sent in one request. */
export const SINGLE_REQUEST_BYTES = 256 * 1024;
