/** Longest file of a simulated repository read back. */
export const REPOSITORY_FILE_BYTES = 4096;
