/** The environment of the process. */
export type BridgeEnvironment = Readonly<Record<string, string | undefined>>;

/** What the known system's bridge calls its database and its user when nobody says so. */
const KNOWN_NAME = 'gitpod';

/**
 * What the variables of the known system's bridge mean where the configuration does not say it. `DB_HOST`, with
 * `DB_PORT`, `DB_USERNAME` and `DB_NAME`, names a database where none is named, never a part of one; other programs
 * have such variables, too, so it does not count beside a system of our own (`isAlone`). Then there are
 * `CONTROLLER_INTERVAL_SECONDS` and `CONTROLLER_MAX_DISCONNECT_SECONDS`. Secrets (`DB_PASSWORD`, `DB_CA_CERT`,
 * `REDIS_USERNAME`, `REDIS_PASSWORD`) are read where they are used.
 */
export function defaultsFromEnvironment(
  env: BridgeEnvironment,
  { isAlone }: { readonly isAlone: boolean },
): (said: object) => object {
  return (said) => ({
    ...(isAlone && !('database' in said) && !('databaseFile' in said) ? databaseIn(env) : {}),
    ...number('controllerIntervalSeconds', env['CONTROLLER_INTERVAL_SECONDS']),
    ...number('controllerMaxDisconnectSeconds', env['CONTROLLER_MAX_DISCONNECT_SECONDS']),
  });
}

function databaseIn({ DB_HOST: host, DB_PORT: port, DB_USERNAME: user, DB_NAME: name }: BridgeEnvironment) {
  if (!host) return {};
  const database = { kind: 'mysql', host, user: user || KNOWN_NAME, name: name || KNOWN_NAME };
  return { database: { ...database, ...(port ? { port: Number(port) } : {}) } };
}

function number(key: string, text: string | undefined): object {
  return text ? { [key]: Number(text) } : {};
}
