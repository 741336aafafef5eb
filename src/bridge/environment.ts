/** The environment of the process. */
export type BridgeEnvironment = Readonly<Record<string, string | undefined>>;

/** What the known system's bridge calls its database and its user when nobody says so. */
const KNOWN_NAME = 'gitpod';

/**
 * The part of the configuration that the variables of the known system's bridge give: `DB_HOST` with `DB_PORT`,
 * `DB_USERNAME` and `DB_NAME`, `CONTROLLER_INTERVAL_SECONDS`, `CONTROLLER_MAX_DISCONNECT_SECONDS`. Secrets
 * (`DB_PASSWORD`, `DB_CA_CERT`, `REDIS_USERNAME`, `REDIS_PASSWORD`) are read where they are used.
 */
export function configFromEnvironment(env: BridgeEnvironment): object {
  const { DB_HOST: host, DB_PORT: port, DB_USERNAME: user, DB_NAME: name } = env;
  return {
    ...(host
      ? {
          database: {
            ...{ kind: 'mysql', host, user: user || KNOWN_NAME, name: name || KNOWN_NAME },
            ...(port ? { port: Number(port) } : {}),
          },
        }
      : {}),
    ...number('controllerIntervalSeconds', env['CONTROLLER_INTERVAL_SECONDS']),
    ...number('controllerMaxDisconnectSeconds', env['CONTROLLER_MAX_DISCONNECT_SECONDS']),
  };
}

function number(key: string, text: string | undefined): object {
  return text ? { [key]: Number(text) } : {};
}
