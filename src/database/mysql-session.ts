import type { Knex } from 'knex';
import { IDLE_TRANSACTION_MAX_MS, ROW_LOCK_TIMEOUT_MS } from './bounds.js';
import type { KeyColumn } from './mysql.js';
import { rawRows } from './raw-rows.js';

/** Of the tables we make: keys that differ in a letter's case are different. */
export const DEFAULT_COLLATION = 'utf8mb4_bin';

export interface Server {
  readonly isMariadb: boolean;
  readonly keyCollation: string;
  /** Bytes of the largest statement it takes. */
  readonly packetMax: number;
  /** Why it cannot be used, as the end of a sentence. */
  readonly problem: string | undefined;
}

const MS_PER_SECOND = 1_000;
const OLDEST = { mariadb: [10, 6], mysql: [8, 0] } as const;

export async function readServer(connection: Knex, key: KeyColumn): Promise<Server> {
  const [row] = await rawRows<{ version: string; packetMax: number | string; collation: string | null }>(
    connection,
    `select version() as version, @@max_allowed_packet as packetMax, (select collation_name from information_schema.columns
      where table_schema = database() and table_name = ? and column_name = ?) as collation`,
    [key.table, key.column],
  );
  const version = row?.version ?? '';
  const isMariadb = /mariadb/i.test(version);
  const [major, minor] = isMariadb ? OLDEST.mariadb : OLDEST.mysql;
  const [theirMajor = 0, theirMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const isOld = theirMajor < major || (theirMajor === major && theirMinor < minor);
  const collation = row?.collation ?? DEFAULT_COLLATION;
  return {
    isMariadb,
    keyCollation: collation,
    packetMax: Number(row?.packetMax ?? Number.POSITIVE_INFINITY),
    problem: problemOf(isOld, version, collation, key),
  };
}

function problemOf(isOld: boolean, version: string, collation: string, key: KeyColumn): string | undefined {
  if (isOld) return `is ${version}; MariaDB 10.6 or MySQL 8.0 are the oldest that will do.`;
  // It becomes a part of statements.
  if (/^utf8mb4_\w+$/.test(collation)) return undefined;
  return `has table ${key.table} with the collation ${collation}; only those of utf8mb4 will do.`;
}

interface DriverConnection {
  query(sql: string, done: (error: unknown) => void): void;
}

/** Sets up each new connection, so that nothing depends on how the server is configured. */
export function configureSession({ isMariadb, keyCollation }: Server, deadlineMs: number) {
  const seconds = (milliseconds: number) => milliseconds / MS_PER_SECOND;
  const variables = {
    autocommit: '1',
    time_zone: "'+00:00'",
    // The driver escapes with backslashes, and what does not fit must be an error.
    sql_mode: "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    innodb_lock_wait_timeout: seconds(ROW_LOCK_TIMEOUT_MS),
    net_write_timeout: seconds(deadlineMs),
    ...(isMariadb
      ? {
          max_statement_time: seconds(deadlineMs),
          idle_transaction_timeout: seconds(IDLE_TRANSACTION_MAX_MS),
        }
      : // MySQL knows no limit for idle transactions, so all that is idle ends.
        { max_execution_time: deadlineMs, wait_timeout: seconds(IDLE_TRANSACTION_MAX_MS) }),
  };
  const assignments = Object.entries(variables).map(([name, value]) => `session ${name} = ${value}`);
  const statements = [
    `set names utf8mb4 collate ${keyCollation}`,
    `set ${assignments.join(', ')}`,
    'set session transaction isolation level read committed',
  ];
  return (connection: DriverConnection, done: (error: unknown, connection: unknown) => void): void => {
    const next = (index: number): void => {
      const statement = statements[index];
      if (statement === undefined) done(null, connection);
      else connection.query(statement, (error) => (error ? done(error, connection) : next(index + 1)));
    };
    next(0);
  };
}
