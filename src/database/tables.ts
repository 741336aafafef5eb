import type { Knex } from 'knex';
import type { Dialect } from './dialect.js';
import { DEFAULT_COLLATION } from './mysql-session.js';
import { rawRows } from './raw-rows.js';

/** A table, written in the types all databases share and those of `ColumnTypes`. */
export interface TableShape {
  readonly name: string;
  /** Type, nullability and default of each column. */
  readonly columns: Readonly<Record<string, string>>;
  /** Its primary key; none when a column's type says so. */
  readonly key: readonly string[];
  /** Columns of each index. */
  readonly indexes?: Readonly<Record<string, readonly string[]>>;
}

/** Makes a table that does not exist yet, with its indexes; `comment` says whose it is, where that can be said. */
export async function createTable(
  transaction: Knex.Transaction,
  dialect: Dialect,
  table: TableShape,
  comment = '',
): Promise<void> {
  const columns = Object.entries(table.columns).map(([name, type]) => `${quoted(name)} ${type}`);
  if (table.key.length > 0) columns.push(`primary key (${list(table.key)})`);
  const indexes = Object.entries(table.indexes ?? {});
  if (dialect.name === 'mysql') {
    // With its indexes in one statement: after a crash it is there or not.
    const keys = indexes.map(([name, on]) => `key ${quoted(name)} (${list(on)})`);
    await transaction.raw(
      `create table if not exists ${quoted(table.name)} (${[...columns, ...keys].join(', ')})
        engine = InnoDB default character set utf8mb4 collate ${DEFAULT_COLLATION} comment = '${comment}'`,
    );
    return;
  }
  await transaction.raw(`create table ${quoted(table.name)} (${columns.join(', ')})`);
  for (const [name, on] of indexes) {
    // Index names are unique per table in MySQL, per database in SQLite.
    await transaction.raw(
      `create index ${quoted(`${table.name}_${name}`)} on ${quoted(table.name)} (${list(on)})`,
    );
  }
}

/** Adds a column unless it is there: where a change of the schema is committed at once, it may be. */
export async function addColumn(
  transaction: Knex.Transaction,
  dialect: Dialect,
  table: string,
  column: string,
  type: string,
): Promise<void> {
  if (dialect.name === 'mysql') {
    const rows = await rawRows(
      transaction,
      `select 1 from information_schema.columns
        where table_schema = database() and table_name = ? and column_name = ?`,
      [table, column],
    );
    if (rows.length > 0) return;
  }
  await transaction.raw(`alter table ${quoted(table)} add column ${quoted(column)} ${type}`);
}

/** SQLite takes MySQL's quotes, too. */
function quoted(name: string): string {
  return `\`${name}\``;
}

function list(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}
