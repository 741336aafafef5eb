import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { StewardError } from '../errors/steward-error.js';
import { MYSQL_TRANSACTIONS_MAX } from './bounds.js';
import { NOW } from './database-now.js';
import type { BulkMember, BulkUpdate, BulkUpsert, Dialect } from './dialect.js';
import { literal } from './mysql-literal.js';
import { insertNumbered } from './mysql-numbered-insert.js';
import { partsOf, type StatementLimit, sendable } from './mysql-parts.js';
import { rawRows } from './raw-rows.js';

const field = (name: string) => `bulk.\`${name}\``;

/** MariaDB 10.6 or newer, and MySQL 8, which write a table of values in two ways. */
export function mysqlDialect(isMariadb: boolean, limit: StatementLimit): Dialect {
  const said = (row: readonly string[]) => row;
  return {
    name: 'mysql',
    concurrency: MYSQL_TRANSACTIONS_MAX,
    columns: {
      json: 'json',
      text: (fallback) => `text not null default ('${fallback}')`,
      lastModified: 'timestamp(6) not null default current_timestamp(6) on update current_timestamp(6)',
      created: 'timestamp(6) not null default current_timestamp(6)',
      jsonText: (column, path) => `json_unquote(json_extract(${column}, '${path}'))`,
    },
    now: NOW.mysql,
    after: (milliseconds) => `${NOW.mysql} + interval ${milliseconds * 1_000} microsecond`,
    jsonInteger: (column, path) => {
      const member = `json_extract(${column}, '${path}')`;
      return `(case when json_type(${member}) in ('INTEGER', 'UNSIGNED INTEGER') then json_unquote(${member}) else '0' end)`;
    },
    orderedInteger: (expression) => `cast(${expression} as unsigned)`,
    field,
    fingerprint: {
      sql: (column) => `md5(${column})`,
      of: (text) => createHash('md5').update(text).digest('hex'),
    },
    updateRows: async (transaction, update, members) => {
      const changed: string[] = [];
      for (const part of partsOf(members, ({ key, values }) => [key, ...values], limit)) {
        const some =
          part.length === 1
            ? await updateRow(transaction, update, part, limit)
            : await updateRows(transaction, update, part, isMariadb ? '' : 'row');
        changed.push(...some);
      }
      return new Set(changed);
    },
    insertNumbered: async (transaction, insert, rows) => {
      const numbers: number[] = [];
      for (const part of partsOf(rows, said, limit)) {
        numbers.push(...(await insertNumbered(transaction, insert, part, isMariadb)));
      }
      return numbers;
    },
    upsertRows: async (transaction, upsert, rows) => {
      for (const part of partsOf(rows, said, limit)) await upsertRows(transaction, upsert, part, limit);
    },
    insertMissing: (table, key, columns) =>
      `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')}) on duplicate key update ${key} = ${table}.${key}`,
  };
}

async function upsertRows(
  transaction: Knex.Transaction,
  { table, key, columns, changedAt }: BulkUpsert,
  rows: readonly (readonly string[])[],
  limit: StatementLimit,
): Promise<void> {
  const values = rows.map((row) => `(${[...row.map(literal), NOW.mysql].join(',')})`);
  const set = [...columns, changedAt].map((column) => `${column} = values(${column})`);
  const statement = `insert into ${table} (${[key, ...columns, changedAt].join(', ')}) values ${values.join(',')}
      on duplicate key update ${set.join(', ')}`;
  await transaction.raw(sendable(statement, limit));
}

/** Alone: for a table of one row the server would take twice as long. */
async function updateRow(
  transaction: Knex.Transaction,
  { table, key, fields, set, where }: BulkUpdate,
  members: readonly BulkMember[],
  limit: StatementLimit,
): Promise<ReadonlySet<string>> {
  const [member] = members;
  const said = new Map([
    [key, literal(member?.key)],
    ...fields.map((name, index): [string, string] => [name, literal(member?.values[index])]),
  ]);
  const filled = (expression: string) =>
    expression.replaceAll(/bulk\.`(\w+)`/g, (_, name: string) => said.get(name) ?? 'null');
  const conditions = [`${table}.${key} = ${field(key)}`, ...where].map(filled);
  const assignments = assignmentsOf(table, set).map(filled);
  const statement = `update ${table} set ${assignments.join(', ')} where ${conditions.join(' and ')}`;
  const found = affectedRows(await transaction.raw(sendable(statement, limit)));
  return new Set(found === 0 ? [] : members.map((each) => each.key));
}

/**
 * UPDATE answers how many rows it found here, not which. When some are missing, it is undone, those that fit are
 * locked and named, and it is done again: that costs two statements more, and happens only when somebody else
 * has changed or removed a row in between.
 */
async function updateRows(
  transaction: Knex.Transaction,
  update: BulkUpdate,
  members: readonly BulkMember[],
  rowPrefix: string,
): Promise<ReadonlySet<string>> {
  const source = sourceOf(update, members, rowPrefix);
  const statement = `update ${source} set ${assignmentsOf(update.table, update.set).join(', ')}${whereOf(update)}`;
  await transaction.raw('savepoint bulk_update');
  const found = affectedRows(await transaction.raw(statement));
  if (found === members.length) return new Set(members.map(({ key }) => key));
  if (found === 0) return new Set();
  await transaction.raw('rollback to savepoint bulk_update');
  const select = `select ${update.table}.${update.key} as changed from ${source}${whereOf(update)} for update`;
  const rows = await rawRows<{ changed: string }>(transaction, select);
  const again = affectedRows(await transaction.raw(statement));
  if (again !== rows.length) throw new StewardError('internal', 'Rows that were locked have changed.');
  return new Set(rows.map(({ changed }) => changed));
}

/**
 * The members as a table, joined to the rows they name, in that order and by the primary key always. The first,
 * empty half names the columns. (JSON_TABLE would take a third of the time of the whole UPDATE.)
 */
function sourceOf(
  { table, key, fields }: BulkUpdate,
  members: readonly BulkMember[],
  rowPrefix: string,
): string {
  const columns = [key, ...fields].map((name) => `null as \`${name}\``);
  const rows = members.map(
    ({ key: ofRow, values }) => `${rowPrefix}(${[ofRow, ...values].map(literal).join(',')})`,
  );
  const bulk = `(select ${columns.join(', ')} from dual where false union all values ${rows.join(',')}) as bulk`;
  return `${bulk} straight_join ${table} force index (primary) on ${table}.${key} = ${field(key)}`;
}

function assignmentsOf(table: string, set: BulkUpdate['set']): string[] {
  return Object.entries(set).map(([column, value]) => `${table}.${column} = ${value}`);
}

function whereOf({ where }: BulkUpdate): string {
  return where.length === 0 ? '' : ` where ${where.join(' and ')}`;
}

/** Found, not only changed: the connections ask for that. */
function affectedRows(answer: unknown): number {
  const [header]: unknown[] = Array.isArray(answer) ? answer : [];
  const isHeader = typeof header === 'object' && header !== null && 'affectedRows' in header;
  return isHeader ? Number(header.affectedRows) : 0;
}
