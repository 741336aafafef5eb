import type { TestProject } from 'vitest/node';
import { Mariadb } from './mariadb.js';
import { Redis } from './redis.js';

declare module 'vitest' {
  interface ProvidedContext {
    readonly mysqlUrl: string;
    readonly redisUrl: string;
  }
}

/**
 * The servers all files of the suite share: those that the environment names, else private ones for the time of the
 * run. Each test makes a database of its own; whoever ends or freezes a server starts one of its own, too.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const isNamed = process.env['STEWARD_TEST_MYSQL_URL'] !== undefined;
  // The disk is left out: whoever tests what survives starts a server of its own.
  const mariadb = isNamed ? undefined : await Mariadb.start('--innodb-flush-method=nosync');
  const redis = process.env['STEWARD_TEST_REDIS_URL'] === undefined ? await Redis.start() : undefined;
  project.provide('mysqlUrl', mariadb?.url ?? process.env['STEWARD_TEST_MYSQL_URL'] ?? '');
  project.provide('redisUrl', redis?.url ?? process.env['STEWARD_TEST_REDIS_URL'] ?? '');
  return async () => {
    await mariadb?.server.stop();
    await redis?.server.stop();
  };
}
