import type { Knex } from 'knex';
import { bridgeMigrations } from '../../../src/bridge/schema/migrations.js';
import { type Database, openSqlite } from '../../../src/database/database.js';
import type { Dialect } from '../../../src/database/dialect.js';
import { migrate } from '../../../src/database/migrations.js';
import { rawRows } from '../../../src/database/raw-rows.js';
import { sqliteDialect } from '../../../src/database/sqlite-dialect.js';

/** Of the database's clock, which is not that of any bridge. */
const NOW = '(select now from simulated_time)';
const FORMAT = '%Y-%m-%d %H:%M:%f';
const MS_PER_SECOND = 1_000;

/** Those nobody needs at the moment. */
const spare: Database[] = [];

/**
 * The rows of one seed: real SQL on SQLite in memory, with a clock of its own. Making a schema takes longer than a
 * seed, so what one seed leaves is emptied for the next.
 */
export async function withRows<Result>(use: (rows: Database) => Promise<Result>): Promise<Result> {
  const rows = spare.pop() ?? (await create());
  await rows.write(empty);
  try {
    return await use(rows);
  } finally {
    // One that is still held by a transaction would keep the next seed waiting.
    if (await isFree(rows)) spare.push(rows);
  }
}

/** Gives back what is kept for seeds that do not come: a process with it does not end by itself. */
export async function closeRows(): Promise<void> {
  await Promise.all(spare.splice(0).map((rows) => rows.close()));
}

/** What the simulated database's dialect is; `concurrency` as a server has it. */
export function simulatedDialect(concurrency: number): Dialect {
  return {
    ...sqliteDialect,
    concurrency,
    now: NOW,
    after: (milliseconds) => `strftime('${FORMAT}', ${NOW}, '${milliseconds / MS_PER_SECOND} seconds')`,
  };
}

export async function tellTime(connection: Knex, now: number): Promise<void> {
  const text = new Date(now).toISOString().replace('T', ' ').slice(0, -1);
  await connection.raw('update simulated_time set now = ?', [text]);
}

async function create(): Promise<Database> {
  const rows = openSqlite(':memory:');
  await migrate(rows, bridgeMigrations({ allowAlter: false }), '2030-01-01T00:00:00.000Z');
  await rows.write(async (transaction) => {
    await transaction.raw('create table simulated_time (now text not null)');
    await transaction.raw("insert into simulated_time values ('')");
  });
  return rows;
}

async function empty(transaction: Knex.Transaction): Promise<void> {
  const tables = await rawRows<{ name: string }>(
    transaction,
    "select name from sqlite_master where type = 'table' and name not in ('steward_schema', 'simulated_time') and name not like 'sqlite%'",
  );
  for (const { name } of tables) await transaction.raw(`delete from ${name}`);
  await transaction.raw('delete from sqlite_sequence');
}

async function isFree(rows: Database): Promise<boolean> {
  let isFree = false;
  void rows.read(async () => {
    isFree = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return isFree;
}
