import type { Knex } from 'knex';
import { StewardError } from '../errors/steward-error.js';
import type { Database } from './database.js';
import type { Dialect } from './dialect.js';
import { rawRows } from './raw-rows.js';

/**
 * One step of a schema. Steps are numbered from 1 without gaps and never change once released. Where a database
 * commits each change of the schema at once, a step that was interrupted runs again.
 */
export interface Migration {
  readonly number: number;
  readonly name: string;
  up(transaction: Knex.Transaction, dialect: Dialect): Promise<void>;
}

const TABLE = 'steward_schema';

/**
 * Brings the schema up to the last of `migrations`. The missing steps run under a lock, so two
 * programs that start together apply each step once. Fails with `wrong-state` on a schema that a newer version has written.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
  now: string,
): Promise<void> {
  await database.alone(async (transaction) => {
    const applied = (await isThere(transaction, database.dialect)) ? await appliedNumber(transaction) : 0;
    const known = migrations.at(-1)?.number ?? 0;
    if (applied > known) {
      throw new StewardError(
        'wrong-state',
        `The database has schema ${applied}, and this version knows schemas up to ${known} only; run a newer version.`,
      );
    }
    if (applied === 0) await createTable(transaction);
    for (const migration of migrations.filter((step) => step.number > applied)) {
      await migration.up(transaction, database.dialect);
      await transaction(TABLE).insert({ number: migration.number, name: migration.name, appliedAt: now });
    }
  });
}

/** An account that may make no tables does, once they are there. */
async function isThere(transaction: Knex.Transaction, { name }: Dialect): Promise<boolean> {
  const found = {
    sqlite: "select 1 from sqlite_master where type = 'table' and name = ?",
    mysql: 'select 1 from information_schema.tables where table_schema = database() and table_name = ?',
  }[name];
  return (await rawRows(transaction, found, [TABLE])).length > 0;
}

async function createTable(transaction: Knex.Transaction): Promise<void> {
  await transaction.raw(
    `create table if not exists ${TABLE} (number integer not null primary key, name varchar(255) not null, appliedAt varchar(255) not null)`,
  );
}

async function appliedNumber(transaction: Knex.Transaction): Promise<number> {
  const row: unknown = await transaction(TABLE).max({ number: 'number' }).first();
  const newest = typeof row === 'object' && row !== null && 'number' in row ? row.number : 0;
  return Number(newest ?? 0);
}
