import { dirname } from 'node:path';
import type { MysqlConfig } from '../database/config.js';
import { type Database, openSqlite } from '../database/database.js';
import { migrate } from '../database/migrations.js';
import { openMysql } from '../database/mysql.js';
import type { MysqlSettings } from '../database/mysql-settings.js';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { backoffMs } from './backoff.js';
import { OPEN_ATTEMPTS_MAX, WRITE_RETRY_MAX_MS, WRITE_RETRY_MIN_MS } from './bounds.js';
import type { BridgeConfig } from './config.js';
import type { BridgeEnvironment } from './environment.js';
import { isoTime } from './pipeline/iso-time.js';
import { isForeign } from './schema/foreign-tables.js';
import { bridgeMigrations } from './schema/migrations.js';
import { readSecret, readTls } from './secret-files.js';
import type { LeaseMode } from './writing/lease-keeper.js';

export interface OpenedDatabase {
  readonly database: Database;
  readonly mode: LeaseMode;
  readonly adoptUnknownInstances: boolean;
}

const INSTANCE_ID = { table: 'd_b_workspace_instance', column: 'id' };

/** Opens the configured database and brings its schema up. What may pass by itself is waited for, with bounds. */
export async function openDatabase(
  config: BridgeConfig,
  world: World,
  env: BridgeEnvironment,
): Promise<OpenedDatabase> {
  const database = await open(config, world, env);
  try {
    const { kind, ...rest } = config.database ?? { kind: 'sqlite' };
    const allowAlter = kind === 'mysql' && 'allowAlter' in rest && rest.allowAlter;
    const migrations = bridgeMigrations({ allowAlter });
    await patiently(world, () => migrate(database, migrations, isoTime(world.clock.now())));
    const foreign = await patiently(world, () =>
      database.read((connection) => isForeign(connection, database.dialect)),
    );
    return {
      database,
      // A file is on one machine, and its bridge is the one that was started last.
      mode: kind === 'sqlite' ? 'alone' : 'shared',
      adoptUnknownInstances: config.adoptUnknownInstances ?? !foreign,
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Again and again while the database is not there for the moment: a bridge that is just stopping may hold it. */
export async function patiently<Result>(
  { clock, random }: Pick<World, 'clock' | 'random'>,
  work: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const transient = error instanceof StewardError && error.code === 'unavailable';
      if (!transient || attempt >= OPEN_ATTEMPTS_MAX) throw error;
      await sleep(clock, backoffMs(attempt, WRITE_RETRY_MIN_MS, WRITE_RETRY_MAX_MS, random));
    }
  }
}

async function open(
  { database, databaseFile }: BridgeConfig,
  world: World,
  env: BridgeEnvironment,
): Promise<Database> {
  if (database?.kind === 'mysql') {
    const settings = await mysqlSettings(database, world, env);
    return patiently(world, () => openMysql(settings, INSTANCE_ID));
  }
  const file = database?.file ?? databaseFile;
  if (file === undefined) {
    throw new StewardError('invalid-config', 'database: say where the rows are to be kept.');
  }
  if (file !== ':memory:') await world.files.makeDirectory(dirname(file), 0o700);
  return openSqlite(file);
}

async function mysqlSettings(
  { host, port, socket, user, password, passwordFile, name, tls }: MysqlConfig,
  { files }: Pick<World, 'files'>,
  env: BridgeEnvironment,
): Promise<MysqlSettings> {
  const ca = env['DB_CA_CERT'];
  const secured = tls !== undefined || ca !== undefined;
  const fromFile =
    passwordFile === undefined ? undefined : await readSecret(files, 'database.passwordFile', passwordFile);
  return {
    ...{ host, port, user, name },
    ...(socket === undefined ? {} : { socket }),
    password: password ?? fromFile ?? env['DB_PASSWORD'] ?? '',
    ...(secured ? { tls: { ...(ca && { ca }), ...(await readTls(files, 'database.tls', tls ?? {})) } } : {}),
  };
}
