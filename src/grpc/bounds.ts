/** Longest a unary call may take unless its service says otherwise. */
export const UNARY_TIMEOUT_MS = 60_000;
/** Largest message accepted or sent. What existing clients and servers agree on. */
export const MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024;
/** Messages of one stream that wait for a slow reader before the handler is made to wait. */
export const STREAM_PENDING_MAX = 16;
/** The same in bytes; one message may go beyond it. */
export const STREAM_PENDING_BYTES = 1024 * 1024;
/** How long a reader may take nothing before its stream is ended. */
export const STREAM_STALL_MS = 600_000;
/** Calls at the same time on one connection. */
export const CONNECTION_STREAMS_MAX = 4096;
/** A connection without calls is closed after this; clients connect again by themselves. */
export const CONNECTION_IDLE_MS = 30 * 60_000;
/** How often a silent peer is asked whether it is still there, and how long it has to answer. */
export const SERVER_KEEPALIVE_MS = 60_000;
export const SERVER_KEEPALIVE_TIMEOUT_MS = 10_000;
/** How long calls may go on after a stop was asked for. */
export const STOP_GRACE_MS = 10_000;
/** How long answers may take to leave after the last call has ended. */
export const STOP_FLUSH_MS = 1_000;
/** Longest text of a status, in characters: it travels in a header. */
export const STATUS_MESSAGE_LENGTH_MAX = 2_048;
/** Longest path of a Unix socket, in bytes (sun_path of unix(7), without its final zero). */
export const SOCKET_PATH_BYTES = 107;
/** How long to wait for an answer from a socket that is already there. */
export const SOCKET_PROBE_MS = 2_000;
/** How often certificate files are looked at. */
export const CERTIFICATE_CHECK_MS = 10_000;
/** How long a client waits for a unary answer unless told otherwise. */
export const CLIENT_DEADLINE_MS = 30_000;
/** Longest deadline sent: servers in Node count it in 32 bits of milliseconds. */
export const CLIENT_DEADLINE_MAX_MS = 24 * 24 * 60 * 60_000;
/** First and longest pause between two attempts to connect. */
export const CLIENT_RECONNECT_MIN_MS = 100;
export const CLIENT_RECONNECT_MAX_MS = 5_000;
/** Upper bounds of the buckets of handling times, in seconds. */
export const HANDLING_SECONDS_BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5, 30, 60, 120, 240, 600];
/** Longest text a request may carry where nothing shorter is asked for, in characters. */
export const TEXT_LENGTH_MAX = 4_096;
/** Entries on one page of a list. */
export const PAGE_SIZE_MAX = 1_000;
/** How much of an id that a caller names its span tells, in characters. */
export const TRACED_ID_LENGTH_MAX = 128;
