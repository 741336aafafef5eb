/** How long a started shim may take to tell who it is. */
export const IDENTITY_WAIT_MS = 10_000;
/** First pause between two looks at a run; it doubles up to the longest. */
export const WATCH_PAUSE_MIN_MS = 10;
/** Longest pause between two looks at a run: how late an end is noticed at most. */
export const WATCH_PAUSE_MAX_MS = 500;
/** First and longest pause between two looks at a run that was told to end, or killed. */
export const SWEEP_PAUSE_MIN_MS = 4;
export const STOP_PAUSE_MAX_MS = 100;
/** How long killed processes may take to disappear before the stop is reported as failed. */
export const KILL_WAIT_MS = 10_000;
/** How long the logger of a run, of which nothing is left, may take to write down the rest. */
export const LOGGER_WAIT_MS = 5_000;
/** Bytes of one file of a log, and how many are kept: what a log takes of the disk at most. */
export const LOG_FILE_BYTES = 4 * 1024 * 1024;
export const LOG_FILES_KEPT = 5;
/** Pauses between two looks at a log that is followed: they double as long as nothing comes. */
export const LOG_PAUSE_MIN_MS = 10;
export const LOG_PAUSE_MAX_MS = 80;
/** Bytes read at a time when the beginning of the last lines is looked for. */
export const LOG_TAIL_CHUNK_BYTES = 65_536;
/** Most bytes that are searched backwards for the beginning of the last lines. */
export const LOG_TAIL_SEARCH_BYTES = 16 * 1024 * 1024;
/** First bytes of what a task says that are kept in the content. */
export const TASK_LOG_BYTES_MAX = 16 * 1024 * 1024;
/** Most bytes of the small files a shim writes. */
export const SHIM_FILE_BYTES_MAX = 256;
/** Most bytes of what we note about a run. */
export const NOTE_BYTES_MAX = 64 * 1024;
/** Most bytes read of a file of the kernel, such as the list of listening sockets. */
export const PROC_FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Most bytes of the one line about a process. */
export const PROC_STAT_BYTES_MAX = 4_096;
/** Processes looked at at the same time. */
export const LOOKS_AT_A_TIME = 32;
/** Most bytes of a process's environment that are looked at. */
export const ENVIRONMENT_BYTES_MAX = 8 * 1024 * 1024;
/** Groups within groups that are looked into. */
export const CGROUP_DEPTH_MAX = 8;

/** Commands run beside the instance's own at the same time, in one and in all. */
export const EXECS_PER_INSTANCE_MAX = 16;
export const EXECS_MAX = 256;
/** How long what is left of a terminal's session may take to end after the terminal went away. */
export const HANGUP_MS = 2_000;
/** How long a terminal may take to come up. */
export const TERMINAL_WAIT_MS = 30_000;
/** Columns and rows a terminal can have. */
export const TERMINAL_SIZE_MAX = 65_535;

/** Host ports reserved for one instance at the same time, those of ports not exposed any more included. */
export const HOST_PORTS_PER_INSTANCE_MAX = 200;
/** Connections to one exposed port at the same time. */
export const PORT_CONNECTIONS_MAX = 1_000;
/** How long a connection to a program of the instance may take to come up. */
export const PORT_CONNECT_MS = 10_000;
/** How long a connection may be open on which neither side says anything, where it is no longer HTTP. */
export const PORT_IDLE_MS = 2 * 60 * 60_000;
/** After how long a silent peer is asked by TCP whether it is still there. */
export const PORT_KEEPALIVE_MS = 60_000;
/** Most bytes of the head of a request to a private port. */
export const PORT_HEAD_BYTES_MAX = 64 * 1024;
/** How long a caller of a private port may take to say what it wants. */
export const PORT_HEAD_MS = 60_000;
