import { connect } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MYSQL_CONNECTIONS_MAX } from '../../src/database/bounds.js';
import type { Database } from '../../src/database/database.js';
import { openMysql } from '../../src/database/mysql.js';
import type { MysqlSettings } from '../../src/database/mysql-settings.js';
import { rawRows } from '../../src/database/raw-rows.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { gate } from '../support/intercepted-files.js';
import { execute, Mariadb, newDatabase } from '../support/mariadb.js';
import { KEY_COLUMN, settingsOf } from '../support/test-database.js';

/** A server that is killed, frozen and turned into a read-only one. */
let mariadb: Mariadb;
let settings: MysqlSettings;
let url: string;
const open: Database[] = [];

beforeAll(async () => {
  mariadb = await Mariadb.start();
  ({ url } = await newDatabase(mariadb));
  const name = settingsOf(url).name;
  // Unlike the account of the tests, this one may not write when nobody may.
  await execute(url, "create user plain identified by 'pass-of-plain'");
  await execute(url, `grant all on ${name}.* to plain`);
  await execute(url, 'create table notes (id int primary key, body varchar(20) not null)');
  settings = { ...settingsOf(url), user: 'plain', password: 'pass-of-plain', statementDeadlineMs: 1_000 };
});
afterAll(() => mariadb?.server.stop());
afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});

async function connected(changed: Partial<MysqlSettings> = {}): Promise<Database> {
  const database = await openMysql({ ...settings, ...changed }, KEY_COLUMN);
  open.push(database);
  return database;
}

const read = (database: Database) => database.read((connection) => connection('notes').pluck('id'));
/** The server's number of the one connection that is in use when nothing runs beside. */
const connectionOf = async (database: Database): Promise<unknown> => {
  const [row] = await database.read((connection) =>
    rawRows<{ id: unknown }>(connection, 'select connection_id() as id'),
  );
  return row?.id;
};
const insert = (database: Database, id: number) =>
  database.write((transaction) => transaction('notes').insert({ id, body: 'x' }));

async function failure(work: Promise<unknown>): Promise<StewardError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StewardError)) throw new Error(`it did not fail as it should: ${String(error)}`);
  return error;
}

describe('a connection that is refused says what to correct, and no password', () => {
  it.each<[string, Partial<MysqlSettings>, string]>([
    ['a wrong password', { password: 'wrong-secret' }, 'database.password'],
    ['an unknown user', { user: 'nobody', password: 'wrong-secret' }, '"nobody"'],
    ['an unknown database', { name: 'steward_not_there' }, '"steward_not_there"'],
    ['a server without TLS', { tls: {} }, 'TLS'],
  ])('%s', async (_, changed, said) => {
    const error = await failure(connected(changed));
    expect(error.code).toBe('database-refused');
    expect(error.message).toContain(said);
    expect(error.message).not.toContain('secret');
  });

  it('a server that is not there may come', async () => {
    const port = await new Promise<number>((resolve) => {
      const socket = connect(mariadb.server.port, '127.0.0.1', () => {
        resolve(socket.localPort ?? 0);
        socket.destroy();
      });
    });
    expect((await failure(connected({ port }))).code).toBe('unavailable');
    expect((await failure(connected({ socket: '/nowhere/at/all' }))).code).toBe('unavailable');
  });
});

describe('a statement', () => {
  it('that takes too long is given up, and the next one works', async () => {
    const database = await connected();
    const slow = database.read((connection) => connection.raw('select sleep(60)'));
    expect((await failure(slow)).code).toBe('unavailable');
    expect(await read(database)).toEqual([]);
  });

  it('of a deadlock fails as one to be tried again, and one of both goes on', async () => {
    const database = await connected();
    for (const id of [101, 102]) await insert(database, id);
    let arrived = 0;
    const both = async (first: number, second: number) =>
      database.write(async (transaction) => {
        await transaction('notes')
          .where({ id: first })
          .update({ body: String(second) });
        arrived += 1;
        await vi.waitFor(() => expect(arrived).toBe(2), { timeout: 15_000 });
        await transaction('notes')
          .where({ id: second })
          .update({ body: String(first) });
      });
    const results = await Promise.allSettled([both(101, 102), both(102, 101)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [lost] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(lost).toMatchObject({ code: 'unavailable', message: expect.stringContaining('ER_LOCK_DEADLOCK') });
    await database.write((transaction) => transaction('notes').delete());
  });

  it('never tells its values when it fails', async () => {
    const database = await connected();
    await insert(database, 1);
    const add = (id: number, body: string) =>
      database.write((transaction) => transaction('notes').insert({ id, body }));
    const failing = [
      () => add(1, 'a secret'),
      () => add(2, 'secret '.repeat(9)),
      () => database.read((connection) => connection.raw("select 'a secret' from nowhere at all")),
    ];
    for (const work of failing) {
      const error = await failure(work());
      expect(error.code).toBe('internal');
      expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('secret');
    }
    await database.write((transaction) => transaction('notes').delete());
  });
});

describe('a connection', () => {
  it('of its own is there while all others are in use', async () => {
    const database = await connected();
    const held = gate();
    let holding = 0;
    const others = Array.from({ length: MYSQL_CONNECTIONS_MAX + 1 }, () =>
      database.write(async (transaction) => {
        await transaction.raw('select 1');
        holding += 1;
        await held.passed;
      }),
    );
    const settled = Promise.allSettled(others);
    await vi.waitFor(() => expect(holding).toBe(MYSQL_CONNECTIONS_MAX), { timeout: 20_000 });
    const { write } = database.apart ?? database;
    await write((transaction) => transaction('notes').insert({ id: 51, body: 'x' }));
    held.open();
    await settled;
    await database.write((transaction) => transaction('notes').delete());
  });

  it('is not used for ever: its address may lead to another server by now', async () => {
    const database = await connected({ connectionAgeMaxMs: 1 });
    const first = await connectionOf(database);
    await vi.waitFor(async () => expect(await connectionOf(database)).not.toBe(first), { timeout: 15_000 });
  });
});

describe('a server that', () => {
  it('only reads, is to be tried again over another connection, and takes writes when it writes again', async () => {
    const database = await connected();
    await insert(database, 0);
    const before = await connectionOf(database);
    await execute(url, 'set global read_only = 1');
    expect((await failure(insert(database, 1))).code).toBe('unavailable');
    // It may have been replaced behind its address, and say so for ever over the connections that it has.
    expect(await connectionOf(database)).not.toBe(before);
    expect(await read(database)).toEqual([0]);
    await execute(url, 'set global read_only = 0');
    await insert(database, 1);
    await database.write((transaction) => transaction('notes').where({ id: 0 }).delete());
    expect(await read(database)).toEqual([1]);
  });

  it('has no connection to spare is to be tried again', async () => {
    const database = await connected();
    await database.close();
    await execute(url, 'set global max_connections = 10');
    const { user, password, host, port } = settings;
    const held = await Promise.allSettled(
      Array.from({ length: 11 }, () => createConnection({ user, password, host, port })),
    );
    const error = await failure(connected());
    for (const each of held) if (each.status === 'fulfilled') each.value.destroy();
    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Too many connections'),
    });
    await execute(url, 'set global max_connections = 300');
    expect(await read(await connected())).toEqual([1]);
  });

  it('takes small statements only gets as many as it needs, and none that is too large for it', async () => {
    await execute(url, 'set global max_allowed_packet = 1048576');
    await execute(
      url,
      'create table bodies (id char(36) primary key, body mediumtext, at timestamp(6)) collate utf8mb4_bin',
    );
    const database = await connected({ statementDeadlineMs: 10_000 });
    const { upsertRows, updateRows, field } = database.dialect;
    const bodies = { table: 'bodies', key: 'id' };
    const upsert = (rows: string[][]) =>
      database.write((transaction) =>
        upsertRows(transaction, { ...bodies, columns: ['body'], changedAt: 'at' }, rows),
      );
    const update = (rows: string[][]) =>
      database.write((transaction) =>
        updateRows(
          transaction,
          { ...bodies, fields: ['body'], set: { body: field('body') }, where: [] },
          rows.map(([key = '', ...values]) => ({ key, values })),
        ),
      );
    const rows = (character: string, length: number) =>
      Array.from({ length: 30 }, (_, index) => [`row ${index}`, character.repeat(length)]);
    await upsert(rows('a', 80_000));
    expect((await update(rows('é', 80_000))).size).toBe(30);
    for (const write of [upsert, update]) {
      const error = await failure(write([['row 1', 'é'.repeat(550_000)]]));
      expect(error).toMatchObject({
        code: 'internal',
        message: expect.stringContaining('max_allowed_packet'),
      });
    }
    const told = await database.read((connection) => connection('bodies').distinct('body'));
    expect(told).toEqual([{ body: 'é'.repeat(80_000) }]);
    await execute(url, 'set global max_allowed_packet = 16777216');
  });

  it('stands still fails statements at their deadline, and works when it goes on', async () => {
    const database = await connected();
    expect(await read(database)).toEqual([1]);
    mariadb.server.freeze();
    expect((await failure(read(database))).code).toBe('unavailable');
    mariadb.server.thaw();
    expect(await read(database)).toEqual([1]);
  });

  it('is killed and comes back has what was committed, and no broken connection stays', async () => {
    const database = await connected();
    await insert(database, 2);
    const cut = database.write(async (transaction) => {
      await transaction('notes').insert({ id: 3, body: 'x' });
      await mariadb.server.kill();
      await transaction('notes').insert({ id: 4, body: 'x' });
    });
    expect((await failure(cut)).code).toBe('unavailable');
    expect((await failure(read(database))).code).toBe('unavailable');
    await mariadb.server.start();
    expect(await read(database)).toEqual([1, 2]);
    await Promise.all(Array.from({ length: 12 }, (_, index) => insert(database, 10 + index)));
    expect(await read(database)).toHaveLength(14);
  });
});
