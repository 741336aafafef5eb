/** Characters of the column `error`, and what a longer text is cut to before its mark. */
export const ERROR_MAX = 255;
export const CUT_ERROR_MAX = 251;

/** BIGINT is signed; no manager's version has come near its end. */
export const VERSION_MAX = 2n ** 63n - 1n;
