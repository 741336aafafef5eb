import type { Knex } from 'knex';
import { StewardError } from '../errors/steward-error.js';
import type { NumberedInsert } from './dialect.js';
import { literal } from './mysql-literal.js';
import { rawRows } from './raw-rows.js';

/**
 * The server alone knows the numbers: with several primaries, each counts in steps (auto_increment_increment), which
 * change when another one joins.
 */
export async function insertNumbered(
  transaction: Knex.Transaction,
  { table, number, columns }: NumberedInsert,
  rows: readonly (readonly string[])[],
  tellsRows: boolean,
): Promise<readonly number[]> {
  const values = rows.map((row) => `(${row.map(literal).join(',')})`).join(',');
  const statement = `insert into ${table} (${columns.join(', ')}) values ${values}`;
  const numbers = tellsRows
    ? (await rawRows<{ told: number | string }>(transaction, `${statement} returning ${number} as told`)).map(
        ({ told }) => Number(told),
      )
    : await counted(transaction, statement, rows.length);
  if (numbers.length === rows.length && numbers.every(Number.isSafeInteger)) return numbers;
  throw new StewardError('internal', `The database did not tell the numbers of new rows of ${table}.`);
}

/** MySQL tells the first number only, and reserves those of one such statement together. */
async function counted(transaction: Knex.Transaction, statement: string, count: number): Promise<number[]> {
  const [header]: unknown[] = await transaction.raw(statement);
  const isHeader = typeof header === 'object' && header !== null && 'insertId' in header;
  const first = isHeader ? Number(header.insertId) : Number.NaN;
  const [row] = await rawRows<{ step: number | string }>(
    transaction,
    'select @@session.auto_increment_increment as step',
  );
  return Array.from({ length: count }, (_, index) => first + index * Number(row?.step));
}
