import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { claimLease } from '../../src/bridge/lease.js';
import { openDatabase } from '../../src/bridge/open-database.js';
import { compatibleTableShapes } from '../../src/bridge/schema/compatible-tables.js';
import { isForeign } from '../../src/bridge/schema/foreign-tables.js';
import { bridgeMigrations, migrations } from '../../src/bridge/schema/migrations.js';
import type { Database } from '../../src/database/database.js';
import { migrate } from '../../src/database/migrations.js';
import { openMysql } from '../../src/database/mysql.js';
import { rawRows } from '../../src/database/raw-rows.js';
import { createTable } from '../../src/database/tables.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { PipelineHarness } from '../bridge/support/pipeline-harness.js';
import { statusOf } from '../bridge/support/statuses.js';
import { execute, newDatabase } from '../support/mariadb.js';
import { KEY_COLUMN, settingsOf } from '../support/test-database.js';
import { theirTables } from './support/their-tables.js';

const NOW = '2026-01-01T00:00:00.000Z';
let url: string;
let drop: () => Promise<void>;
const open: Database[] = [];

beforeEach(async () => {
  ({ url, drop } = await newDatabase({ url: inject('mysqlUrl') }));
});
afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
  await drop();
});

async function connect(): Promise<Database> {
  const database = await openMysql(settingsOf(url), KEY_COLUMN);
  open.push(database);
  return database;
}

async function makeTheirs(change: (sql: string) => string = (sql) => sql): Promise<Database> {
  const database = await connect();
  for (const sql of theirTables.map(change)) await database.read((connection) => connection.raw(sql));
  return connect();
}

const definitions = (database: Database) =>
  database.read((connection) =>
    rawRows<{ name: string; type: string }>(
      connection,
      `select concat(table_name, '.', column_name) as name,
        trim(concat_ws(' ', column_type, is_nullable, column_default, extra, generation_expression)) as type
        from information_schema.columns where table_schema = database() and table_name like 'd\\_b\\_%'
        order by table_name, column_name`,
    ),
  );

const indexes = (database: Database) =>
  database.read((connection) =>
    rawRows<{ name: string; columns: string }>(
      connection,
      `select concat(table_name, '.', index_name) as name, group_concat(column_name order by seq_in_index) as columns
        from information_schema.statistics where table_schema = database() and table_name like 'd\\_b\\_%'
        group by table_name, index_name order by name`,
    ),
  );

describe('the schema on MariaDB', () => {
  it('needs no more rights than those to rows, once it is there', async () => {
    const settings = { ...settingsOf(url), user: settingsOf(url).name, password: 'not-a-secret' };
    onTestFinished(() => execute(inject('mysqlUrl'), `drop user if exists ${settings.user}`));
    await migrate(await connect(), migrations, NOW);
    await execute(url, `create user ${settings.user} identified by '${settings.password}'`);
    await execute(url, `grant select, insert, update, delete on ${settings.name}.* to ${settings.user}`);
    const { host, port, user, password, name } = settings;
    const said = {
      database: { kind: 'mysql', host, port, user, password, name },
      listen: ['unix:/run/b.sock'],
    };
    const opened = await openDatabase(bridgeConfigSchema.parse(said), realWorld(), {});
    open.push(opened.database);
    const harness = await PipelineHarness.start(opened.database);
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    expect(await harness.relay.flush()).toBe(true);
    expect(await harness.row('i')).toMatchObject({ phase: 'running' });
    expect(harness.published.map(({ key }) => key)).toEqual(['i']);
    expect(await claimLease(opened.database, 'me', NOW)).toHaveProperty('heldBy');
  });

  it('has the columns and indexes of the compatible system where they matter to others', async () => {
    const ours = await connect();
    await migrate(ours, migrations, NOW);
    const columns = new Map((await definitions(ours)).map(({ name, type }) => [name, type]));
    const instance = (column: string) => columns.get(`d_b_workspace_instance.${column}`);
    expect(instance('id')).toBe('char(36) NO');
    expect(instance('phasePersisted')).toMatch(/^char\(32\) NO ''/);
    expect(instance('phase')).toMatch(
      /^char\(32\) YES .*VIRTUAL GENERATED json_unquote\(json_extract\(`status`,'\$.phase'\)\)/,
    );
    expect(instance('_lastModified')).toMatch(
      /^timestamp\(6\) NO current_timestamp\(6\) on update current_timestamp\(6\)/i,
    );
    expect(columns.get('d_b_prebuilt_workspace.statusVersion')).toBe('bigint(20) NO 0');
    const found = new Map((await indexes(ours)).map(({ name, columns: on }) => [name, on]));
    for (const { name, key, indexes: wanted = {} } of compatibleTableShapes(ours.dialect.columns)) {
      expect(found.get(`${name}.PRIMARY`)).toBe(key.join(','));
      for (const [index, on] of Object.entries(wanted))
        expect(found.get(`${name}.${index}`)).toBe(on.join(','));
    }
    expect(await ours.read((connection) => isForeign(connection, ours.dialect))).toBe(false);
  });

  it('is made once by two programs that start together, and goes on after one that was cut off', async () => {
    const [a, b] = [await connect(), await connect()];
    const [first] = compatibleTableShapes(a.dialect.columns);
    if (first === undefined) throw new Error('there are shapes');
    // As a program leaves it that was killed after its first table.
    await a.write((transaction) => createTable(transaction, a.dialect, first, 'made by steward'));
    await Promise.all([migrate(a, migrations, NOW), migrate(b, migrations, NOW)]);
    const applied = await b.read((connection) =>
      connection('steward_schema').orderBy('number').pluck('number'),
    );
    expect(applied).toEqual(migrations.map(({ number }) => number));
    const harness = await PipelineHarness.start(b);
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    expect((await harness.row('i')).phase).toBe('running');
  });

  it('refuses one of a newer version', async () => {
    const database = await connect();
    await migrate(database, [...migrations, { number: 99, name: 'later', up: async () => undefined }], NOW);
    await expect(migrate(database, migrations, NOW)).rejects.toMatchObject({
      code: 'wrong-state',
      message: expect.stringContaining('99'),
    });
  });
});

describe('tables that another program has made', () => {
  it('are used as they are: nothing of them changes, and the pipeline writes to them', async () => {
    const database = await makeTheirs();
    const before = [await definitions(database), await indexes(database)];
    await migrate(database, migrations, NOW);
    expect([await definitions(database), await indexes(database)]).toEqual(before);
    expect(await database.read((connection) => isForeign(connection, database.dialect))).toBe(true);

    await database.write(async (transaction) => {
      await transaction('d_b_workspace').insert({
        ...{ id: 'w', ownerId: 'u', creationTime: NOW, type: 'regular' },
        ...{
          contextURL: '',
          description: '',
          context: '',
          config: '',
          imageNameResolved: '',
          baseImageNameResolved: '',
        },
      });
      await transaction('d_b_workspace_instance').insert({
        ...{ id: 'i', workspaceId: 'w', region: 'local', creationTime: NOW, ideUrl: '', workspaceImage: '' },
        status: JSON.stringify({ version: 0, conditions: {}, phase: 'preparing' }),
      });
    });
    const harness = await PipelineHarness.start(database, undefined, { adoptUnknownInstances: false });
    harness.send(statusOf({ id: 'i', version: 2n ** 63n, phase: 'running' }));
    harness.send(statusOf({ id: 'unknown', version: 1n, phase: 'running' }));
    await harness.settle();
    expect(harness.failures).toEqual([]);
    expect(await harness.rows()).toMatchObject([{ id: 'i', phase: 'running', phasePersisted: 'running' }]);
    const [plan] = await database.read((connection) =>
      rawRows<{ key: string }>(
        connection,
        `explain select 1 from json_table('[{"id":"i"}]', '$[*]' columns (id varchar(64) character set utf8mb4
          collate utf8mb4_general_ci path '$.id')) j straight_join d_b_workspace_instance i force index (primary) on i.id = j.id`,
      ).then((rows) => rows.slice(-1)),
    );
    expect(plan?.key).toBe('PRIMARY');
  });

  it.each([
    [
      'column phasePersisted',
      'd_b_workspace_instance has no column phasePersisted',
      (sql: string) =>
        sql.replace(/`phasePersisted` .*\n/, '').replace(/,\n\s*KEY `ind_phasePersisted.*\)/g, ''),
    ],
    [
      'a fitting type',
      'column statusVersion of table d_b_prebuilt_workspace is a varchar',
      (sql: string) => sql.replace('`statusVersion` bigint(20)', '`statusVersion` varchar(20)'),
    ],
    [
      'a table',
      'there is no table d_b_gitpod_token',
      (sql: string) => (sql.includes('d_b_gitpod_token') ? 'select 1' : sql),
    ],
  ])('are refused by name when they lack %s', async (_, message, change) => {
    const database = await makeTheirs(change);
    const before = await definitions(database);
    await expect(migrate(database, migrations, NOW)).rejects.toMatchObject({
      code: 'wrong-state',
      message: expect.stringContaining(message),
    });
    expect(await definitions(database)).toEqual(before);
  });

  it('get what is missing when that is allowed', async () => {
    const database = await makeTheirs((sql) => (sql.includes('d_b_gitpod_token') ? 'select 1' : sql));
    await migrate(database, bridgeMigrations({ allowAlter: true }), NOW);
    const names = (await definitions(database)).map(({ name }) => name);
    expect(names).toContain('d_b_gitpod_token.userId');
  });
});
