/**
 * How long SQLite waits for another process's lock before it answers SQLITE_BUSY. The driver is synchronous, so
 * everything else in this process waits too; whoever writes tries again later instead.
 */
export const SQLITE_BUSY_TIMEOUT_MS = 100;

/** How long a caller waits for a connection before knex gives up. */
export const CONNECTION_ACQUIRE_TIMEOUT_MS = 30_000;

/** SQLite has one writer; more connections would only wait for each other. */
export const SQLITE_CONNECTIONS_MAX = 1;

/** Connections to a MySQL server: for the transactions of the pipeline, the outbox, and those below; the lease has its own. */
export const MYSQL_CONNECTIONS_MAX = 14;

/** Of those, how many may be used at the same time by callers of ours, and by everything that looks after clusters. */
export const CALLERS_CONNECTIONS_MAX = 2;
export const CLUSTERS_CONNECTIONS_MAX = 4;
/** How much of each may wait for them. */
export const CALLERS_WAITING_MAX = 200;
export const CLUSTERS_WAITING_MAX = 10_000;

/** Transactions that change instances at the same time; more would only wait for the disk of the server. */
export const MYSQL_TRANSACTIONS_MAX = 4;

/** How long a server may take to let us in. */
export const MYSQL_CONNECT_TIMEOUT_MS = 5_000;

/** How long one statement may take; afterwards its connection is given up. */
export const STATEMENT_DEADLINE_MS = 10_000;

/** How long a statement waits for a row that another transaction has changed. */
export const ROW_LOCK_TIMEOUT_MS = 5_000;

/**
 * After so long without a statement the server ends a transaction and gives its locks back. A program that was
 * stopped in the middle of one must not keep its successor waiting for longer than the lease is valid.
 */
export const IDLE_TRANSACTION_MAX_MS = 3_000;

/** Connections that were idle for so long are closed: before a server without the limit above does that. */
export const IDLE_CONNECTION_MAX_MS = 2_000;

/**
 * A connection that has been used for so long is closed, too: an address that leads to another server by now is
 * followed, also where nothing is ever refused.
 */
export const CONNECTION_AGE_MAX_MS = 300_000;

/** How long a program waits for another one that is changing the schema, before it tries anew. */
export const SCHEMA_LOCK_TIMEOUT_MS = 5_000;

/** Largest number of a TCP port. */
export const PORT_MAX = 65_535;
