import { isMariadbHere, Mariadb, newDatabase } from '../test/support/mariadb.js';
import { Redis, redisProgram } from '../test/support/redis.js';

/** A MariaDB and a Redis for the bench alone. */
export interface BridgeServers {
  readonly redisUrl: string;
  /** URL of an empty database. */
  newDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** Or why there are none. */
export async function startServers(): Promise<BridgeServers | string> {
  if (!isMariadbHere()) return 'MariaDB is not installed';
  if (redisProgram() === undefined) return 'Redis is not installed';
  const mariadb = await Mariadb.start();
  const redis = await Redis.start();
  return {
    redisUrl: redis.url,
    newDatabase: async () => (await newDatabase(mariadb)).url,
    stop: async () => {
      await redis.server.stop();
      await mariadb.server.stop();
    },
  };
}
