/** Composites one inside the other, and initializers of one request together. */
export const INITIALIZER_DEPTH_MAX = 16;
export const INITIALIZERS_MAX = 128;
/** Working copies whose status is read when the workspace stops. */
export const CHECKOUTS_MAX = 32;
/** Longest location of a further working copy that is remembered. */
export const CHECKOUT_CHARACTERS_MAX = 512;
/** Files of one download, and the longest URL of one. */
export const DOWNLOAD_FILES_MAX = 1000;
export const DOWNLOAD_URL_CHARACTERS_MAX = 8192;
/** Largest single file, where no quota says less. */
export const DOWNLOAD_FILE_BYTES_MAX = 64 * 1024 ** 3;
/** All files of one download together. */
export const DOWNLOAD_DEADLINE_MS = 60 * 60_000;
/** Until a server has begun to answer, and how long it may send nothing. */
export const DOWNLOAD_ANSWER_DEADLINE_MS = 30_000;
export const DOWNLOAD_STALL_MS = 60_000;
/** Tries for one file, whether they resume or start clean, and the pauses between them (doubled, with jitter). */
export const DOWNLOAD_ATTEMPTS_MAX = 10;
export const DOWNLOAD_PAUSE_MIN_MS = 250;
export const DOWNLOAD_PAUSE_MAX_MS = 10_000;
/** Whole files that may come with another digest before the server is taken at its word. */
export const DOWNLOAD_MISMATCHES_MAX = 2;
/** Redirects followed for one try. */
export const DOWNLOAD_REDIRECTS_MAX = 5;
/** Configurations of submodules, and folders on the way to them, that are looked through in a restored working copy. */
export const GIT_AUDITED_FILES_MAX = 256;
export const GIT_AUDITED_FOLDERS_MAX = 4096;
