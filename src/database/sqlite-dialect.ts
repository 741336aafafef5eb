import { SQLITE_CONNECTIONS_MAX } from './bounds.js';
import type { BulkUpdate, Dialect } from './dialect.js';

/** Digits of the largest unsigned 64-bit integer. */
const INTEGER_DIGITS = 20;

const field = (name: string) => `(json_each.value ->> '$.${name}')`;

/** SQLite 3.38 or newer: `->`, `->>`, UPDATE … FROM, RETURNING. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  concurrency: SQLITE_CONNECTIONS_MAX,
  // `->` answers the number as it was written; json_extract would make a REAL of what is beyond 2^63.
  jsonInteger: (column, path) =>
    `(case json_type(${column}, '${path}') when 'integer' then ${column} -> '${path}' else '0' end)`,
  orderedInteger: (expression) =>
    `substr('${'0'.repeat(INTEGER_DIGITS)}' || ${expression}, -${INTEGER_DIGITS})`,
  field,
  mergeJson: (column, patchField, integerPath, integerField) =>
    `json_set(json_patch(${column}, ${field(patchField)}), '${integerPath}', json(${field(integerField)}))`,
  updateFromJson: (update: BulkUpdate) =>
    [
      `update ${update.table}`,
      `set ${Object.entries(update.set)
        .map(([column, value]) => `${column} = ${value}`)
        .join(', ')}`,
      'from json_each(?)',
      `where ${[`${update.table}.${update.key} = ${field(update.key)}`, ...update.where].join(' and ')}`,
      `returning ${update.table}.${update.key} as ${update.key}`,
    ].join(' '),
  insertIgnore: 'insert or ignore into',
};
