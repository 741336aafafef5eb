/** How long the one trial of what this machine allows may take; then it counts as not allowed. */
export const CONFINEMENT_PROBE_MS = 10_000;
/** What a confined program may put into its private /tmp, which lies in memory. */
export const CONFINED_TMP_MIB_MAX = 256;
/** Reason of a failed trial that is kept. */
export const CONFINEMENT_REASON_CHARACTERS_MAX = 300;
