import type { Knex } from 'knex';
import { SQLITE_CONNECTIONS_MAX } from './bounds.js';
import { NOW } from './database-now.js';
import type { BulkMember, BulkUpdate, Dialect } from './dialect.js';
import { rawRows } from './raw-rows.js';

/** Digits of the largest unsigned 64-bit integer. */
const INTEGER_DIGITS = 20;

const field = (name: string) => `bulk."${name}"`;

/** SQLite 3.38 or newer: `->`, `->>`, UPDATE … FROM, RETURNING. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  concurrency: SQLITE_CONNECTIONS_MAX,
  columns: {
    json: 'text',
    text: (fallback) => `text not null default '${fallback}'`,
    lastModified: 'timestamp(6) not null default current_timestamp',
    created: 'timestamp(6) not null default current_timestamp',
    jsonText: (column, path) => `${column} ->> '${path}'`,
  },
  now: NOW.sqlite,
  after: (milliseconds) => `strftime('%Y-%m-%d %H:%M:%f', 'now', '${milliseconds / 1_000} seconds')`,
  // `->` answers the number as it was written; json_extract would make a REAL of what is beyond 2^63.
  jsonInteger: (column, path) =>
    `(case json_type(${column}, '${path}') when 'integer' then ${column} -> '${path}' else '0' end)`,
  orderedInteger: (expression) =>
    `substr('${'0'.repeat(INTEGER_DIGITS)}' || ${expression}, -${INTEGER_DIGITS})`,
  field,
  // It has no function for digests.
  fingerprint: { sql: (column) => column, of: (text) => text },
  updateRows,
  insertNumbered: async (transaction, { table, columns }, rows) => {
    const [last]: number[] = await transaction(table).insert(
      rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]]))),
    );
    // It has one writer, and tells the last number.
    return rows.map((_, index) => Number(last) - rows.length + 1 + index);
  },
  upsertRows: async (transaction, { table, key, columns, changedAt }, rows) => {
    if (rows.length === 0) return;
    const said = [key, ...columns];
    const values = said.map((_, index) => `value ->> '$[${index}]'`);
    const set = [...columns, changedAt].map((column) => `${column} = excluded.${column}`);
    // "where true": otherwise "on" would be that of a join.
    await transaction.raw(
      `insert into ${table} (${[...said, changedAt].join(', ')})
        select ${[...values, NOW.sqlite].join(', ')} from json_each(?) where true
        on conflict (${key}) do update set ${set.join(', ')}`,
      [JSON.stringify(rows)],
    );
  },
  insertMissing: (table, _key, columns) =>
    `insert or ignore into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
};

async function updateRows(
  transaction: Knex.Transaction,
  { table, key, fields, set, where }: BulkUpdate,
  members: readonly BulkMember[],
): Promise<ReadonlySet<string>> {
  if (members.length === 0) return new Set();
  const columns = [key, ...fields].map((name, index) => `value ->> '$[${index}]' as "${name}"`);
  const statement = [
    `update ${table}`,
    `set ${Object.entries(set)
      .map(([column, value]) => `${column} = ${value}`)
      .join(', ')}`,
    `from (select ${columns.join(', ')} from json_each(?)) as bulk`,
    `where ${[`${table}.${key} = ${field(key)}`, ...where].join(' and ')}`,
    `returning ${table}.${key} as changed`,
  ].join(' ');
  const rows = await rawRows<{ changed: string }>(transaction, statement, [
    // What is undefined becomes null.
    JSON.stringify(members.map(({ key: ofRow, values }) => [ofRow, ...values])),
  ]);
  return new Set(rows.map(({ changed }) => changed));
}
