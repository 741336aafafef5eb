import type { Knex } from 'knex';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import SqliteTransaction from 'knex/lib/dialects/sqlite3/execution/sqlite-transaction.js';
import libsql from 'libsql';

/**
 * libsql under knex's better-sqlite3 dialect: it has the same interface and brings its binary along, so nothing
 * is compiled or downloaded.
 */
export class LibsqlClient extends BetterSqlite3Client {
  override _driver(): unknown {
    return libsql;
  }

  override transaction(container: unknown, config: unknown, outer: unknown): Knex.Transaction {
    return new ImmediateTransaction(this, container, config, outer);
  }
}

/**
 * Takes the write lock at its start. A transaction that starts by reading and writes later fails at once with
 * SQLITE_BUSY, whatever the busy timeout, when another process wrote in between.
 */
class ImmediateTransaction extends SqliteTransaction {
  override async begin(connection: unknown): Promise<unknown> {
    // A COMMIT that failed (disk full, busy) leaves the transaction open on this connection.
    if (isInTransaction(connection)) await this.query(connection, 'ROLLBACK;');
    return this.query(connection, 'BEGIN IMMEDIATE;');
  }
}

function isInTransaction(connection: unknown): boolean {
  return connection instanceof libsql && connection.inTransaction;
}
