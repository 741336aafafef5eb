const MIB = 1024 * 1024;

/** Part sizes by part number, so that 10 000 parts hold 245 GiB; the first is also the largest single request. */
export const PART_SIZES: readonly { readonly upToPart: number; readonly bytes: number }[] = [
  { upToPart: 1_000, bytes: 8 * MIB },
  { upToPart: 3_000, bytes: 16 * MIB },
  { upToPart: 10_000, bytes: 28 * MIB },
];
/** Bytes of parts in memory at one time, per upload: those on their way and the one being filled. */
export const UPLOAD_MEMORY_BYTES = 56 * MIB;
/** Parts of one upload on their way at one time, unless configured. */
export const PARALLEL_UPLOAD = 4;

/** As many as can be configured. */
export const PARALLEL_UPLOAD_MAX = 64;

/** Objects in one request to delete. */
export const DELETE_BATCH_MAX = 1_000;
/** To connect to the server. */
export const CONNECT_DEADLINE_MS = 10_000;
/** To answer a request, from its first byte to the head of its answer; a part may be 28 MiB over a slow line. */
export const REQUEST_DEADLINE_MS = 300_000;
/** Nothing moves on a connection. */
export const IDLE_DEADLINE_MS = 60_000;
/** For tidying up after an upload that failed or was given up. */
export const TIDY_DEADLINE_MS = 30_000;
/** Connections at one time, all uploads together. */
export const CONNECTIONS_MAX = 64;

/** Uploads in parts that began longer ago than this belong to nobody. */
export const STALE_UPLOAD_AGE_MS = 48 * 60 * 60 * 1000;
/** Largest file of credentials. */
export const CREDENTIALS_BYTES = 64 * 1024;
/** Bearers of a signed link may use it this long: S3 and MinIO (content spec 4.4). */
export const SIGNED_LINK_MS = { s3: 15 * 60 * 1000, minio: 30 * 60 * 1000 } as const;
/** Buckets of owners that are remembered to be there. */
export const BUCKETS_KNOWN_MAX = 10_000;
/** A signed link may live this long at most, by the protocol. */
export const SIGNED_LINK_LONGEST_MS = 7 * 24 * 60 * 60 * 1000;
