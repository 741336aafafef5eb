/** Characters of the column `error`, and what a longer text is cut to before its mark. */
export const ERROR_MAX = 255;
export const CUT_ERROR_MAX = 251;

/** Characters of the column `snapshot`. A part of a name is none, so nothing is made of a longer one. */
export const SNAPSHOT_MAX = 255;

/** BIGINT is signed; no manager's version has come near its end. */
export const VERSION_MAX = 2n ** 63n - 1n;
