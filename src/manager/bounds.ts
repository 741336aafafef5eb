/** Instances one manager holds, those remembered after their stop included. */
export const INSTANCES_MAX = 20_000;
/** Stopped instances remembered; beyond that the oldest that somebody was told about is forgotten at once. */
export const STOPPED_MAX = 1_000;
/** How long a stopped instance is listed after somebody was told that it stopped. */
export const STOPPED_QUIET_MS = 10 * 60_000;
/** How long a stopped instance is listed when nobody ever listened. */
export const STOPPED_UNTOLD_MS = 24 * 60 * 60_000;
/** How often it is looked whether stopped instances can be forgotten. */
export const FORGET_PERIOD_MS = 5 * 60_000;

/** Subscribers at the same time. */
export const SUBSCRIBERS_MAX = 1_000;

/** Grace of each stop policy. */
export const GRACE_NORMALLY_MS = 30_000;
export const GRACE_IMMEDIATELY_MS = 1_000;
/** How long a caller waits for a stop request to be on disk. */
export const STOP_RECORD_WAIT_MS = 20_000;
/** Length of an owner token, in characters. */
export const OWNER_TOKEN_LENGTH = 32;

/** Restarts of one instance from its record before it is parked. */
export const INSTANCE_RESTARTS_MAX = 5;
export const INSTANCE_RESTART_PERIOD_MS = 60_000;
/** How often parked instances are tried again. */
export const PARKED_RETRY_MS = 5 * 60_000;
/** How long an instance gets to let go of its effects when the manager stops. */
export const INSTANCE_STOP_MS = 10_000;

/** Tries of one call to a daemon that cannot be reached, where the caller waits for it. */
export const DAEMON_TRIES_MAX = 6;
/** Pauses between tries of calls to a daemon that cannot be reached; they double, and vary by half. */
export const DAEMON_PAUSE_MIN_MS = 100;
export const DAEMON_PAUSE_MAX_MS = 5_000;
/** How long a stream that passes on what a daemon tells outlives the daemon's absence. */
export const DAEMON_STREAM_AWAY_MS = 60_000;
/** Enough doublings to reach the longest pause, and far from overflowing. */
export const DAEMON_DOUBLINGS_MAX = 16;
/** Longest a daemon may take for an answer that needs no work. */
export const DAEMON_ANSWER_MS = 10_000;
/** How long an answer waits for what the daemon can add to it. */
export const DAEMON_PART_MS = 5_000;
/** How long a start waits to learn what the set-up took. */
export const SET_UP_METRICS_MS = 2_000;
/** How long a restarted manager waits for what the daemon says before it goes on without. */
export const SURVEY_DAEMON_MS = 5_000;

/** Largest request kept for a start, secrets included. */
export const REQUEST_BYTES_MAX = 512 * 1024;
/** Words of a command, and variables of an environment. */
export const COMMAND_WORDS_MAX = 1_024;
export const ENVIRONMENT_MAX = 2_048;

/** Changes of one instance that may wait for its record, before further ones are refused. */
export const CHANGES_WAITING_MAX = 1_000;
/** Largest number of a TCP port. */
export const PORT_MAX = 65_535;
/** Ports one instance may expose, and keys that may open it. */
export const PORTS_MAX = 100;
export const SSH_KEYS_MAX = 100;
export const SSH_KEY_LENGTH_MAX = 16_384;
/** All of them together: they stand in the record, beside the request. */
export const SSH_KEYS_LENGTH_MAX = 65_536;
/** Longest text of a duration, in characters. */
export const DURATION_LENGTH_MAX = 100;
/** Longest duration Go can hold: 2^63 - 1 nanoseconds. */
export const GO_DURATION_MAX_MS = 9_223_372_036_854;

/** Defaults of the timeouts of instances; each can be configured. */
export const TIMEOUT_INITIALIZATION_MS = 30 * 60_000;
export const TIMEOUT_STARTUP_MS = 60 * 60_000;
export const TIMEOUT_REGULAR_MS = 30 * 60_000;
export const TIMEOUT_LIFETIME_MS = 36 * 60 * 60_000;
export const TIMEOUT_HEADLESS_MS = 60 * 60_000;
export const TIMEOUT_AFTER_CLOSE_MS = 2 * 60_000;
export const TIMEOUT_FINALIZATION_MS = 60 * 60_000;
export const TIMEOUT_STOPPING_MS = 60 * 60_000;
export const TIMEOUT_INTERRUPTED_MS = 5 * 60_000;
/** How often users of an instance are expected to say that they are there. */
export const HEARTBEAT_MS = 30_000;

/** How often it is looked again whether maintenance is over, where something waits for that. */
export const MAINTENANCE_CHECK_MS = 60_000;
/** Largest file that announces maintenance. */
export const MAINTENANCE_FILE_BYTES = 4_096;

/** Defaults of the limits of an instance's steps; each can be configured. They hold where no timeout came first. */
export const RECORD_DEADLINE_MS = 30_000;
export const SURVEY_DEADLINE_MS = 60_000;
export const PREPARE_DEADLINE_MS = 2 * 60 * 60_000;
export const INITIALIZE_DEADLINE_MS = 2 * 60 * 60_000;
export const START_DEADLINE_MS = 60_000;
export const SNAPSHOT_DEADLINE_MS = 60_000;
export const KILL_DEADLINE_MS = 30_000;
export const DISPOSE_DEADLINE_MS = 60 * 60_000;
export const PAUSE_MIN_MS = 1_000;
export const PAUSE_MAX_MS = 5 * 60_000;

/** How often it is looked whether the daemon can still be reached. */
export const LINK_CHECK_MS = 1_000;

/** Transitions that one answer shows when its caller names no number. */
export const HISTORY_SHOWN_MAX = 500;
/** Longest maintenance that can be announced at once: 30 days. */
export const MAINTENANCE_LONGEST_MS = 30 * 24 * 60 * 60_000;

/** Tasks of one instance without anybody at it. */
export const TASKS_MAX = 64;

/** How long a caller of Exec may take to say what is to be run. */
export const EXEC_START_MS = 10_000;
/** Input that waits for a command to read it before its caller is made to wait, and how often it is told what was read. */
export const EXEC_INPUT_WAITING_BYTES = 1024 * 1024;
export const EXEC_INPUT_TOLD_BYTES = 32 * 1024;
/** Streams of output at the same time, of all instances and of one. */
export const LOG_READERS_MAX = 128;
export const LOG_READERS_PER_INSTANCE_MAX = 32;

/** How often what somebody types into a command counts as activity of the instance. */
export const EXEC_ACTIVITY_MS = 30_000;

/** Host ports that exposed ports are reached at, where nothing else is configured: below those the kernel gives away. */
export const HOST_PORT_FIRST = 20_000;
export const HOST_PORT_LAST = 29_999;
/** Host ports tried one after another for a port whose reserved one somebody else has taken. */
export const HOST_PORT_TRIES_MAX = 5;
