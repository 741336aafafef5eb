import type { Knex } from 'knex';
import { StewardError } from '../errors/steward-error.js';
import { BULK_TEXT_BYTES, MYSQL_TRANSACTIONS_MAX } from './bounds.js';
import { NOW } from './database-now.js';
import type { BulkMember, BulkUpdate, Dialect } from './dialect.js';
import { rawRows } from './raw-rows.js';

/** Of a member that nobody has; MariaDB makes NULL of the whole for a name in quotes. */
const NO_PATH = '$.nobodyHasThis';

const field = (name: string) => `bulk.\`${name}\``;

/**
 * MariaDB 10.6 or newer, and MySQL 8: both have JSON_TABLE. `collation` is the one of the keys that bulk updates
 * look up: compared in another one, no index would help.
 */
export function mysqlDialect(collation: string): Dialect {
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
    mergeJson: (column, patchField, removals) => {
      const merged = `json_merge_patch(${column}, ${field(patchField)})`;
      const removed = field(removals.field);
      const paths = removals.paths.map(
        (path) => `if(find_in_set('${path}', ${removed}), '${path}', '${NO_PATH}')`,
      );
      return `case when ${removed} is null then ${merged} else json_remove(${merged}, ${paths.join(', ')}) end`;
    },
    updateRows: (transaction, update, members) => updateRows(transaction, update, members, collation),
    insertMissing: (table, key, columns) =>
      `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')}) on duplicate key update ${key} = ${table}.${key}`,
  };
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
  collation: string,
): Promise<ReadonlySet<string>> {
  if (members.length === 0) return new Set();
  const source = sourceOf(update, collation);
  const values = [`[${members.map(({ json }) => json).join(',')}]`];
  const set = Object.entries(update.set).map(([column, value]) => `${update.table}.${column} = ${value}`);
  const statement = `update ${source} set ${set.join(', ')}${whereOf(update)}`;
  if (members.length > 1) await transaction.raw('savepoint bulk_update');
  const found = affectedRows(await transaction.raw(statement, values));
  if (found === members.length) return new Set(members.map(({ key }) => key));
  if (found === 0) return new Set();
  await transaction.raw('rollback to savepoint bulk_update');
  const select = `select ${update.table}.${update.key} as changed from ${source}${whereOf(update)} for update`;
  const rows = await rawRows<{ changed: string }>(transaction, select, values);
  const again = affectedRows(await transaction.raw(statement, values));
  if (again !== rows.length) throw new StewardError('internal', 'Rows that were locked have changed.');
  return new Set(rows.map(({ changed }) => changed));
}

/** The array's members as a table, joined to the rows they name, in that order and by the primary key always. */
function sourceOf({ table, key, fields }: BulkUpdate, collation: string): string {
  const text = `varchar(${BULK_TEXT_BYTES}) character set utf8mb4 collate ${collation}`;
  const columns = Object.entries({ [key]: 'text', ...fields }).map(
    ([name, type]) =>
      `\`${name}\` ${type === 'json' ? 'json' : text} path '$.${name}' null on empty error on error`,
  );
  const bulk = `json_table(?, '$[*]' columns (${columns.join(', ')})) as bulk`;
  return `${bulk} straight_join ${table} force index (primary) on ${table}.${key} = ${field(key)}`;
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
