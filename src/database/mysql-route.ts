import { connect, isIP, type Socket } from 'node:net';
import type { ServerTlsTexts } from '../config/server-tls.js';
import type { MysqlSettings } from './mysql-settings.js';

/**
 * How the driver gets to a server, and whom it has to find there: over TCP with TLS, the one whose certificate carries
 * the name it is reached by, or `tls.serverName`. A Unix socket leads nowhere else.
 */
export function routeTo({ host, port, socket, tls }: MysqlSettings) {
  if (socket !== undefined) return { socketPath: socket, ...(tls && { ssl: certificates(tls) }) };
  if (tls === undefined) return { host, port };
  const ssl = { ...certificates(tls), verifyIdentity: true };
  const name = tls.serverName ?? host;
  if (name === host && isIP(host) === 0) return { host, port, ssl };
  // What the driver calls host it compares with the certificate, but for addresses; with a dot at its end it takes one
  // for a name, too, and the comparison leaves the dot out.
  const compared = isIP(name) === 0 ? name : `${name}.`;
  return { host: compared, port, ssl, stream: () => open(host, port) };
}

/** As the driver does it by itself. */
function open(host: string, port: number): Socket {
  return connect({ host, port, noDelay: true, keepAlive: true });
}

function certificates({ ca, crt, key }: ServerTlsTexts) {
  return { ...(ca && { ca }), ...(crt && { cert: crt }), ...(key && { key }) };
}
