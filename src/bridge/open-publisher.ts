import type { Logger } from 'pino';
import { hostAndPort, type RedisConfig } from '../events/redis-config.js';
import { RedisPublisher, type RedisSettings } from '../events/redis-publisher.js';
import type { World } from '../gateways/world.js';
import type { BridgeConfig } from './config.js';
import type { BridgeEnvironment } from './environment.js';
import { readSecret, readTls } from './secret-files.js';

interface PublisherOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly env?: BridgeEnvironment;
}

/** Redis, when it is configured. It may be away: then the outbox keeps what is to be published. */
export async function openPublisher(
  { redis }: BridgeConfig,
  { world, logger, env }: PublisherOptions,
): Promise<RedisPublisher | undefined> {
  if (redis === undefined) return undefined;
  const settings = await redisSettings(redis, world, env ?? {});
  const place = `${settings.host}:${settings.port}`;
  let told = '';
  return new RedisPublisher(settings, {
    name: 'ws-manager-bridge',
    fraction: () => world.random.fraction(),
    onConnected: () => {
      told = '';
      logger.info({ redis: place }, 'events are published on Redis');
    },
    onTrouble: (reason) => {
      // Each attempt to connect says it again.
      if (reason === told) return;
      told = reason;
      logger.warn({ redis: place, reason }, 'Redis does not answer; the outbox keeps the events');
    },
  });
}

async function redisSettings(
  { address, username, password, passwordFile, tls }: RedisConfig,
  { files }: Pick<World, 'files'>,
  env: BridgeEnvironment,
): Promise<RedisSettings> {
  const fromFile =
    passwordFile === undefined ? undefined : await readSecret(files, 'redis.passwordFile', passwordFile);
  const user = username ?? env['REDIS_USERNAME'];
  const secret = password ?? fromFile ?? env['REDIS_PASSWORD'];
  return {
    ...hostAndPort(address),
    ...(user ? { username: user } : {}),
    ...(secret ? { password: secret } : {}),
    ...(tls === undefined ? {} : { tls: await readTls(files, 'redis.tls', tls) }),
  };
}
