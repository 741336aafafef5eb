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

  /**
   * Transactions are begun and ended without prepared statements: one that was refused as busy would stay in
   * progress until it is collected as garbage, and no later transaction could commit. And SQLite itself rolls back
   * when the disk is full; asked to do it again, it would hide the reason behind another failure.
   */
  override async _query(connection: unknown, query: { readonly sql: string }): Promise<unknown> {
    if (!(connection instanceof libsql) || !controlsTransaction(query.sql))
      return super._query(connection, query);
    if (!isRollback(query.sql) || connection.inTransaction) connection.exec(query.sql);
    return query;
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

function controlsTransaction(sql: string): boolean {
  return /^(begin|commit|rollback)\b/i.test(sql);
}

function isRollback(sql: string): boolean {
  return /^rollback\b/i.test(sql);
}

function isInTransaction(connection: unknown): boolean {
  return connection instanceof libsql && connection.inTransaction;
}
