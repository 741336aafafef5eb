import knex, { type Knex } from 'knex';
import { CONNECTION_ACQUIRE_TIMEOUT_MS, SQLITE_BUSY_TIMEOUT_MS, SQLITE_CONNECTIONS_MAX } from './bounds.js';
import type { Dialect } from './dialect.js';
import { toDatabaseError } from './failures.js';
import { LibsqlClient } from './sqlite-client.js';
import { sqliteDialect } from './sqlite-dialect.js';

/** A way into a database. Failures of every method are StewardErrors without any of the values that were bound. */
export interface DatabaseDoor {
  readonly dialect: Dialect;
  read<Result>(work: (connection: Knex) => Promise<Result>): Promise<Result>;
  /** Everything `work` does is committed when this resolves, and none of it when it rejects. */
  write<Result>(work: (transaction: Knex.Transaction) => Promise<Result>): Promise<Result>;
}

export interface Database extends DatabaseDoor {
  /** Over a connection of its own, for what must not wait behind others. Absent where there is one for everything. */
  readonly apart?: DatabaseDoor;
  /**
   * Changes the schema: nobody else does, meanwhile. In SQLite everything `work` does is one transaction; in MySQL
   * each statement that changes the schema is committed at once, so steps must stand being repeated. Fails with
   * `unavailable` when somebody else does not finish in time.
   */
  alone<Result>(work: (transaction: Knex.Transaction) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/**
 * A SQLite file (created if missing; its folder must exist), or `:memory:`. A committed transaction is on disk:
 * write-ahead log, synchronous FULL.
 */
export function openSqlite(filename: string): Database {
  const connections = knex({
    client: LibsqlClient,
    connection: { filename },
    useNullAsDefault: true,
    acquireConnectionTimeout: CONNECTION_ACQUIRE_TIMEOUT_MS,
    pool: { min: 1, max: SQLITE_CONNECTIONS_MAX, afterCreate: configureConnection },
  });
  const write = <Result>(work: (transaction: Knex.Transaction) => Promise<Result>) =>
    guarded(() => connections.transaction(work));
  return {
    dialect: sqliteDialect,
    read: (work) => guarded(() => work(connections)),
    write,
    // A transaction holds the write lock from its start.
    alone: write,
    close: () => connections.destroy(),
  };
}

interface SqliteConnection {
  exec(sql: string): unknown;
}

function configureConnection(
  connection: SqliteConnection,
  done: (error: unknown, connection: unknown) => void,
): void {
  try {
    connection.exec(`PRAGMA busy_timeout = ${SQLITE_BUSY_TIMEOUT_MS}`);
    connection.exec('PRAGMA journal_mode = WAL');
    connection.exec('PRAGMA synchronous = FULL');
    done(undefined, connection);
  } catch (error) {
    done(error, connection);
  }
}

async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toDatabaseError(error);
  }
}
