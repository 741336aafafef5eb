import { join } from 'node:path';
import libsql from 'libsql';
import { afterEach, describe, expect, it } from 'vitest';
import { type Database, openSqlite } from '../../src/database/database.js';
import { type Migration, migrate } from '../../src/database/migrations.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const NOW = '2026-01-01T00:00:00.000Z';
const open: Database[] = [];

function sqlite(filename: string): Database {
  const database = openSqlite(filename);
  open.push(database);
  return database;
}

afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});

const notes: Migration = {
  number: 1,
  name: 'notes',
  up: async (transaction) => {
    await transaction.schema.createTable('notes', (table) => {
      table.increments('id');
      table.text('body').notNullable().unique();
    });
  },
};

async function bodies(database: Database): Promise<unknown[]> {
  return database.read((connection) => connection('notes').orderBy('id').pluck('body'));
}

describe('a SQLite database', () => {
  it('has a write-ahead log, full synchronisation and a busy timeout', async () => {
    const database = sqlite(join(await temporaryFolder(), 'a.db'));
    const pragma = (name: string) => database.read((connection) => connection.raw(`PRAGMA ${name}`));
    expect(await pragma('journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(await pragma('synchronous')).toEqual([{ synchronous: 2 }]);
    expect(await pragma('busy_timeout')).toEqual([{ timeout: 100 }]);
  });

  it('commits all of a transaction or nothing', async () => {
    const filename = join(await temporaryFolder(), 'a.db');
    const database = sqlite(filename);
    await migrate(database, [notes], NOW);
    await database.write((transaction) => transaction('notes').insert({ body: 'kept' }));
    const failing = database.write(async (transaction) => {
      await transaction('notes').insert({ body: 'lost' });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow();
    expect(await bodies(database)).toEqual(['kept']);
    expect(await bodies(sqlite(filename))).toEqual(['kept']);
  });

  it('answers unavailable while another process holds the lock, and works again afterwards', async () => {
    const filename = join(await temporaryFolder(), 'a.db');
    const database = sqlite(filename);
    await migrate(database, [notes], NOW);
    await database.read((connection) => connection.raw('PRAGMA busy_timeout = 1'));
    const other = new libsql(filename);
    other.exec('BEGIN IMMEDIATE');
    const insert = () => database.write((transaction) => transaction('notes').insert({ body: 'x' }));
    await expect(insert()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('SQLITE_BUSY'),
    });
    other.exec('ROLLBACK');
    other.close();
    await insert();
    expect(await bodies(database)).toEqual(['x']);
  });

  it('answers disk-full when there is no room, and works again when there is', async () => {
    const database = sqlite(join(await temporaryFolder(), 'a.db'));
    await migrate(database, [notes], NOW);
    const [{ page_count: pages }] = await database.read((connection) => connection.raw('PRAGMA page_count'));
    await database.read((connection) => connection.raw(`PRAGMA max_page_count = ${pages}`));
    const insert = () =>
      database.write((transaction) => transaction('notes').insert({ body: 'x'.repeat(100_000) }));
    await expect(insert()).rejects.toMatchObject({ code: 'disk-full' });
    await expect(insert()).rejects.toMatchObject({ code: 'disk-full' });
    await database.read((connection) => connection.raw('PRAGMA max_page_count = 1000000'));
    await insert();
    expect(await bodies(database)).toHaveLength(1);
  });

  it('never tells the values of a failed statement', async () => {
    const database = sqlite(':memory:');
    await migrate(database, [notes], NOW);
    const insert = () =>
      database.write((transaction) => transaction('notes').insert({ body: 'owner - secret' }));
    await insert();
    const error: unknown = await insert().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'internal' });
    expect(error).not.toHaveProperty('cause');
    expect(String(error)).toContain('UNIQUE constraint failed');
    expect(String(error)).not.toContain('secret');
  });
});

describe('migrations', () => {
  it('run once, whoever starts next, and one program at a time', async () => {
    const filename = join(await temporaryFolder(), 'a.db');
    const [a, b] = [sqlite(filename), sqlite(filename)];
    await b.read((connection) => connection.raw('PRAGMA busy_timeout = 1'));
    const second: Migration = {
      number: 2,
      name: 'first note',
      up: async (transaction) => {
        await transaction('notes').insert({ body: 'by migration 2' });
        await expect(migrate(b, [notes, second], NOW)).rejects.toMatchObject({ code: 'unavailable' });
      },
    };
    await migrate(a, [notes], NOW);
    await migrate(a, [notes, second], NOW);
    await migrate(b, [notes, second], NOW);
    expect(await bodies(b)).toEqual(['by migration 2']);
    const applied = await b.read((connection) =>
      connection('steward_schema').orderBy('number').select('number', 'name'),
    );
    expect(applied).toEqual([
      { number: 1, name: 'notes' },
      { number: 2, name: 'first note' },
    ]);
  });

  it('leave the schema as it was when one of them fails', async () => {
    const database = sqlite(':memory:');
    const broken: Migration = {
      number: 2,
      name: 'broken',
      up: async (transaction) => {
        await transaction.raw('create table half (id integer)');
        await transaction.raw('not SQL');
      },
    };
    await expect(migrate(database, [notes, broken], NOW)).rejects.toMatchObject({ code: 'internal' });
    const tables = await database.read((connection) =>
      connection('sqlite_master').where({ type: 'table' }).pluck('name'),
    );
    expect(tables).toEqual([]);
  });

  it('refuse a schema of a newer version by name', async () => {
    const database = sqlite(':memory:');
    await migrate(database, [notes], NOW);
    await expect(migrate(database, [], NOW)).rejects.toMatchObject({
      code: 'wrong-state',
      message: expect.stringContaining('schema 1'),
    });
  });
});
