/** What git needs of our environment to reach servers: proxies, and certificates to trust. */
const PASSED = ['http_proxy', 'https_proxy', 'no_proxy', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'] as const;

/**
 * The variables that git gets of the ones this program was started with; `HTTPS_PROXY` and `NO_PROXY` count where
 * the small ones are missing (`HTTP_PROXY` does not: curl ignores it, since CGI programs get it from clients).
 */
export function gitEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const { HTTPS_PROXY: https_proxy, NO_PROXY: no_proxy } = env;
  const known: Readonly<Record<string, string | undefined>> = { https_proxy, no_proxy, ...env };
  return Object.fromEntries(
    PASSED.flatMap((name) => {
      const value = known[name];
      return value === undefined || value === '' ? [] : [[name, value] as const];
    }),
  );
}
