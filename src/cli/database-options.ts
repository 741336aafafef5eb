import { Option } from 'commander';

/** Passwords go better into DB_PASSWORD and REDIS_PASSWORD: what stands here, others on this machine may read. */
export function databaseOption(): Option {
  return new Option(
    '--database <url>',
    'of the bridge: mysql://user@host:port/name in the place of its own file; the password may come from DB_PASSWORD',
  );
}

export function redisOption(): Option {
  return new Option(
    '--redis <url>',
    'where the bridge publishes events: redis://host:port; the password may come from REDIS_PASSWORD',
  );
}
