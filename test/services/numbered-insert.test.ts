import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { insertNumbered } from '../../src/database/mysql-numbered-insert.js';
import { openNewMysql } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openNewMysql();
  await database.alone((transaction) =>
    transaction.raw(
      'create table notes (number bigint not null auto_increment primary key, body text not null)',
    ),
  );
});
afterAll(() => database.close());

it.each([
  ['tells the rows it has made', true, 1],
  ['tells the rows it has made, and counts in steps', true, 3],
  ['tells the first number only', false, 1],
  ['tells the first number only, and counts in steps', false, 3],
])('a server that %s: each row is known by its number', async (_, tellsRows, step) => {
  const bodies = ['a', `"b"`, "it's c", '\\d?'];
  const numbers = await database.write(async (transaction) => {
    await transaction.raw('set session auto_increment_increment = ?', [step]);
    const insert = { table: 'notes', number: 'number', columns: ['body'] };
    return insertNumbered(
      transaction,
      insert,
      bodies.map((body) => [body]),
      tellsRows,
    );
  });
  const stored = await database.read((connection) =>
    connection('notes')
      .whereIn('number', [...numbers])
      .orderBy('number')
      .pluck('body'),
  );
  expect(stored).toEqual(bodies);
});
