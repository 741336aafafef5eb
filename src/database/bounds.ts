/**
 * How long SQLite waits for another process's lock before it answers SQLITE_BUSY. The driver is synchronous, so
 * everything else in this process waits too; whoever writes tries again later instead.
 */
export const SQLITE_BUSY_TIMEOUT_MS = 100;

/** How long a caller waits for the one connection before knex gives up. */
export const CONNECTION_ACQUIRE_TIMEOUT_MS = 30_000;

/** SQLite has one writer; more connections would only wait for each other. */
export const SQLITE_CONNECTIONS_MAX = 1;
