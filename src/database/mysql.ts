import knex, { type Knex } from 'knex';
import { StewardError } from '../errors/steward-error.js';
import {
  CONNECTION_ACQUIRE_TIMEOUT_MS,
  CONNECTION_AGE_MAX_MS,
  IDLE_CONNECTION_MAX_MS,
  MYSQL_CONNECT_TIMEOUT_MS,
  MYSQL_CONNECTIONS_MAX,
  SCHEMA_LOCK_TIMEOUT_MS,
  STATEMENT_DEADLINE_MS,
} from './bounds.js';
import type { Database, DatabaseDoor } from './database.js';
import { mysqlClient } from './mysql-client.js';
import { mysqlDialect } from './mysql-dialect.js';
import { place, toMysqlError } from './mysql-failures.js';
import { routeTo } from './mysql-route.js';
import { configureSession, readServer, type Server } from './mysql-session.js';
import type { MysqlSettings } from './mysql-settings.js';
import { rawRows } from './raw-rows.js';

const MS_PER_SECOND = 1_000;

/** A column whose collation the keys of bulk updates have; our own tables have `DEFAULT_COLLATION`. */
export interface KeyColumn {
  readonly table: string;
  readonly column: string;
}

/**
 * Connects to a server. Fails with `unavailable` when it is not reachable now, and with `database-refused` when only
 * somebody who changes the configuration or the server can help.
 */
export async function openMysql(settings: MysqlSettings, key: KeyColumn): Promise<Database> {
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      throw toMysqlError(error, settings);
    }
  };
  const server = await guarded(() => firstLook(settings, key));
  const dialect = mysqlDialect(server.isMariadb, server);
  const over = (connections: Knex): DatabaseDoor => ({
    dialect,
    read: (work) => guarded(() => work(connections)),
    write: (work) => guarded(() => transact(connections, work)),
  });
  const shared = pool(settings, MYSQL_CONNECTIONS_MAX, server);
  const own = pool(settings, 1, server);
  const door = over(shared);
  return {
    ...door,
    apart: over(own),
    alone: (work) => door.write((transaction) => withSchemaLock(transaction, work)),
    close: async () => {
      await Promise.all([shared.destroy(), own.destroy()]);
    },
  };
}

/** Who it is, before the connections are set up that depend on it. */
async function firstLook(settings: MysqlSettings, key: KeyColumn): Promise<Server> {
  const connection = pool(settings, 1, undefined);
  try {
    const server = await readServer(connection, key);
    if (server.problem === undefined) return server;
    throw new StewardError('database-refused', `The database server ${place(settings)} ${server.problem}`);
  } finally {
    await connection.destroy();
  }
}

function pool(settings: MysqlSettings, max: number, server: Server | undefined): Knex {
  const deadlineMs = settings.statementDeadlineMs ?? STATEMENT_DEADLINE_MS;
  return knex({
    client: mysqlClient(deadlineMs),
    connection: connectionOptions(settings),
    acquireConnectionTimeout: CONNECTION_ACQUIRE_TIMEOUT_MS,
    pool: {
      min: 0,
      max,
      idleTimeoutMillis: IDLE_CONNECTION_MAX_MS,
      maxConnectionLifetimeMillis: settings.connectionAgeMaxMs ?? CONNECTION_AGE_MAX_MS,
      ...(server === undefined ? {} : { afterCreate: configureSession(server, deadlineMs) }),
    },
    // What is worth telling comes back as an error; knex would print it, values and all.
    log: {
      warn: () => undefined,
      error: () => undefined,
      debug: () => undefined,
      deprecate: () => undefined,
    },
  });
}

function connectionOptions(settings: MysqlSettings) {
  const { user, password, name } = settings;
  return {
    ...routeTo(settings),
    ...{ user, password, database: name },
    connectTimeout: MYSQL_CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: true,
    // As a text, digits and all, whether the server has a type for JSON or not.
    jsonStrings: true,
  };
}

/** When the connection is lost, its rollback fails too; the first reason is the one to tell. */
async function transact<Result>(
  connections: Knex,
  work: (transaction: Knex.Transaction) => Promise<Result>,
): Promise<Result> {
  let failure: { readonly reason: unknown } | undefined;
  try {
    return await connections.transaction(async (transaction) => {
      try {
        return await work(transaction);
      } catch (reason) {
        failure = { reason };
        throw reason;
      }
    });
  } catch (error) {
    throw failure === undefined ? error : failure.reason;
  }
}

/** The lock belongs to the connection and goes with it. */
async function withSchemaLock<Result>(
  transaction: Knex.Transaction,
  work: (transaction: Knex.Transaction) => Promise<Result>,
): Promise<Result> {
  const name = "concat('steward-schema-', md5(database()))";
  const [row] = await rawRows<{ taken: number | null }>(transaction, `select get_lock(${name}, ?) as taken`, [
    SCHEMA_LOCK_TIMEOUT_MS / MS_PER_SECOND,
  ]);
  if (Number(row?.taken) !== 1) {
    throw new StewardError('unavailable', 'Another program is changing the schema of the database.');
  }
  try {
    return await work(transaction);
  } finally {
    await transaction.raw(`select release_lock(${name})`).catch(() => undefined);
  }
}
