import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { findProgram, PrivateServer } from './private-server.js';

const run = promisify(execFile);

/** A database server that a test may fill, and in the end leave behind. */
export interface MysqlServer {
  /** `mysql://user:password@host:port`, without a database. */
  readonly url: string;
}

/** What the private server of the tests lets in, everywhere. */
const ACCOUNT = { user: 'steward', password: 'not-a-secret' };

export class Mariadb implements MysqlServer {
  readonly url: string;
  readonly server: PrivateServer;

  /** Small, without a log for replicas; as durable as the default: a commit is on disk. */
  static async start(...options: readonly string[]): Promise<Mariadb> {
    const server = await PrivateServer.create('mariadb', {
      command: findProgram('mariadbd') ?? 'mariadbd',
      args: (folder, port) => [...serverArguments(folder, port), ...options],
      answers: (_, port) => answers(`mysql://${ACCOUNT.user}:${ACCOUNT.password}@127.0.0.1:${port}`),
    });
    try {
      await createSystemTables(server.folder);
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return new Mariadb(server);
  }

  private constructor(server: PrivateServer) {
    this.server = server;
    this.url = `mysql://${ACCOUNT.user}:${ACCOUNT.password}@127.0.0.1:${server.port}`;
  }

  get socket(): string {
    return join(this.server.folder, 'socket');
  }
}

/** A new empty database on a server: its URL, and how to drop it. */
export async function newDatabase({ url }: MysqlServer): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `steward_test_${randomBytes(6).toString('hex')}`;
  await execute(url, `create database ${name} character set utf8mb4`);
  return {
    url: `${url.replace(/\/+$/, '')}/${name}`,
    drop: () => execute(url, `drop database if exists ${name}`),
  };
}

/** One statement on a connection of its own. */
export async function execute(url: string, sql: string): Promise<void> {
  const connection = await createConnection({ uri: url });
  try {
    await connection.query(sql);
  } finally {
    connection.destroy();
  }
}

export function isMariadbHere(): boolean {
  // The second needs the third.
  const programs = ['mariadbd', 'mariadb-install-db', 'my_print_defaults'];
  return programs.every((name) => findProgram(name) !== undefined);
}

function serverArguments(folder: string, port: number): string[] {
  return [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    `--socket=${join(folder, 'socket')}`,
    // A server that starts removes what it takes for temporary tables of its last life: also those of another server.
    `--tmpdir=${folder}`,
    `--pid-file=${join(folder, 'server.pid')}`,
    `--log-error=${join(folder, 'log')}`,
    `--init-file=${join(folder, 'accounts.sql')}`,
    `--port=${port}`,
    `--user=${userInfo().username}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--skip-log-bin',
    '--performance-schema=off',
    '--innodb-buffer-pool-size=128M',
    '--innodb-log-file-size=64M',
    '--innodb-buffer-pool-load-at-startup=off',
    '--innodb-buffer-pool-dump-at-shutdown=off',
    '--max-connections=300',
  ];
}

async function createSystemTables(folder: string): Promise<void> {
  const { user, password } = ACCOUNT;
  const accounts = `create user if not exists '${user}'@'%' identified by '${password}';
grant all on *.* to '${user}'@'%' with grant option;\n`;
  await writeFile(join(folder, 'accounts.sql'), accounts);
  const command = findProgram('mariadb-install-db') ?? 'mariadb-install-db';
  await run(command, [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    `--user=${userInfo().username}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
  ]);
}

async function answers(url: string): Promise<boolean> {
  return execute(url, 'select 1').then(
    () => true,
    () => false,
  );
}
