/** How long calls that move whole workspaces may take unless --timeout says otherwise. */
export const LONG_CALL_MS = 24 * 60 * 60_000;
/** How long `doctor` waits for a program to answer. */
export const PROBE_MS = 2_000;
/** How long `doctor` lets one of the tools it tries run. */
export const TOOL_TRIAL_MS = 10_000;
/** Below this much free space in the state folder `doctor` warns. */
export const FREE_SPACE_WARNING_BYTES = 2 * 1024 * 1024 * 1024;
/** Largest output of a tool that `doctor` reads. */
export const TOOL_OUTPUT_BYTES = 1024 * 1024;
/** Largest file of certificates or keys. */
export const TLS_FILE_BYTES = 1024 * 1024;
/** How long a shell waits for the ids it completes. */
export const COMPLETION_ANSWER_MS = 1_000;
/** How often a live picture is taken anew. */
export const SCREEN_PERIOD_MS = 1_000;
/** How often somebody who waits for an end looks whether the instance is parked. */
export const PARKED_LOOK_MS = 1_000;
/** Largest file of a context. */
export const CONTEXT_FILE_BYTES = 64 * 1024;
/** How often, and after which pause, a broken stream of output is asked for again where it broke off. */
export const RESUMES_MAX = 120;
export const RESUME_PAUSE_MS = 1_000;
/** Input of `exec` that is on its way and that the command has not taken: less than the manager lets wait. */
export const EXEC_INPUT_UNTAKEN_BYTES = 256 * 1024;
/** Largest piece of it. */
export const EXEC_INPUT_PIECE_BYTES = 64 * 1024;
/** Largest list of controllers of control groups. */
export const CONTROLLERS_FILE_BYTES = 4_096;
/** Width of tables where the terminal does not tell its own, in characters. */
export const TERMINAL_COLUMNS = 100;
/** Lines of a terminal that does not tell its own. */
export const TERMINAL_ROWS = 30;
/** Narrowest a column of a table becomes before the table goes over the terminal's edge, in characters. */
export const COLUMN_WIDTH_MIN = 8;
/** How long `up` lets its programs drain before it gives up and exits with a failure. */
export const DRAIN_MS = 120_000;
/** How long `up` waits for a program to be up. */
export const PROGRAM_START_MS = 60_000;
/** How often a program of `up` may fail within the period before all of it ends. */
export const PROGRAM_RESTARTS_MAX = 5;
export const PROGRAM_RESTART_PERIOD_MS = 60_000;
/** Random letters and digits at the end of a workspace id made here: 36^11 of them do not collide. */
export const WORKSPACE_ID_RANDOM_LENGTH = 11;
/** Longest part of such an id that is taken from the repository's name, in characters. */
export const WORKSPACE_ID_NAME_LENGTH_MAX = 40;
/** Versions and snapshots asked for at once. */
export const VERSION_PAGE_ENTRIES = 200;
/** Largest file of an initializer. */
export const INITIALIZER_FILE_BYTES = 1024 * 1024;
/** How often `cluster drain --wait` looks whether instances are left. */
export const DRAIN_LOOK_MS = 2_000;

/** How long a row may differ from what its manager says before `bridge check` calls it wrong, and between two looks. */
export const CHECK_WITHIN_MS = 10_000;
export const CHECK_PAUSE_MS = 500;
/** Rows that it asks for by their instances at once. */
export const CHECK_IDS_MAX = 500;
