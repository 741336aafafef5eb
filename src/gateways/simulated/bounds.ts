/** Links followed in one path before it counts as a loop (Linux: 40). */
export const LINKS_FOLLOWED_MAX = 40;
/** Room of a simulated disk when nothing else is asked for. */
export const DISK_BYTES = 1024 * 1024 * 1024;
/** Bytes a simulated file stream hands on at a time. */
export const SIMULATED_CHUNK_BYTES = 64 * 1024;
