import { inject } from 'vitest';
import { bridgeMigrations } from '../../src/bridge/schema/migrations.js';
import { type Database, openSqlite } from '../../src/database/database.js';
import { migrate } from '../../src/database/migrations.js';
import { openMysql } from '../../src/database/mysql.js';
import type { MysqlSettings } from '../../src/database/mysql-settings.js';
import { newDatabase } from './mariadb.js';

export const KEY_COLUMN = { table: 'd_b_workspace_instance', column: 'id' };

/** Whether the tests run on MariaDB: the same files are a part of two suites. */
export const isOnMysql = (): boolean => (inject('mysqlUrl') ?? '') !== '';

/** An empty database with the bridge's schema: SQLite in memory, or a new one on the suite's server. */
export async function openTestDatabase(): Promise<Database> {
  const database = isOnMysql() ? await openNewMysql() : openSqlite(':memory:');
  await migrate(database, bridgeMigrations({ allowAlter: false }), '2026-01-01T00:00:00.000Z');
  return database;
}

/** A new database on the suite's server, dropped when it is closed. */
export async function openNewMysql(): Promise<Database> {
  const { url, drop } = await newDatabase({ url: inject('mysqlUrl') });
  const database = await openMysql(settingsOf(url), KEY_COLUMN);
  return {
    ...database,
    close: async () => {
      await database.close();
      await drop();
    },
  };
}

export function settingsOf(url: string): MysqlSettings {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname,
    port: Number(port === '' ? 3306 : port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    name: pathname.slice(1),
  };
}
