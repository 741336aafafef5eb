/** How long the one trial of what this machine allows may take; then it counts as not allowed. */
export const CONFINEMENT_PROBE_MS = 10_000;
/** What a confined program may put into its private /tmp, which lies in memory. */
export const CONFINED_TMP_MIB_MAX = 256;
/** Default of what one confined program may allocate, and the least that can be asked for: git starts with less. */
export const CONFINED_MEMORY_BYTES = 4 * 1024 ** 3;
export const CONFINED_MEMORY_BYTES_MIN = 64 * 1024 ** 2;
/** Reason of a failed trial that is kept. */
export const CONFINEMENT_REASON_CHARACTERS_MAX = 300;
