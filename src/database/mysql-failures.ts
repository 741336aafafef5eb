import { StewardError } from '../errors/steward-error.js';
import type { MysqlSettings } from './mysql-settings.js';

/**
 * The server's answers that another attempt, later, may not meet again: deadlocks and locks that were not given
 * back (1205, 1213, 1020), too many connections (1040, 1203, 1226), a server that shuts down, lost its primary or its
 * cluster, or only reads (1047, 1053, 1180, 1290, 1792, 1836, 3100), statements and connections that were ended
 * (1317, 1927, 1969, 3024, 3168, 3169, 4031), the network between (1152 to 1161), memory (1037, 1041).
 */
const transient = new Set([
  1020, 1037, 1040, 1041, 1047, 1053, 1152, 1156, 1157, 1158, 1159, 1160, 1161, 1180, 1203, 1205, 1213, 1226,
  1290, 1317, 1412, 1792, 1836, 1927, 1969, 3024, 3100, 3168, 3169, 4031,
]);

/** A full disk: of the server, its temporary folder or a table. */
const full = new Set([20, 1021, 1114]);

/** Below: what the server's own files answered it, as while one of its kind starts beside it. */
const FIRST_OF_SERVER = 1_000;

/** Answers whose texts name columns, tables, accounts and settings only, never a value of a statement. */
const harmless = new Set([
  ...transient,
  ...full,
  ...[1044, 1045, 1046, 1048, 1049, 1054, 1129, 1130, 1142, 1143, 1146, 1227, 1364, 1406, 1698],
]);

/** Failures of the way to the server, as the driver and the operating system name them. */
const connectionCodes = /^(E[A-Z]+|PROTOCOL_[A-Z_]+|HANDSHAKE_[A-Z_]+|KnexTimeoutError|TimeoutError)$/;

/** What a failed statement or connection of a MySQL server is for callers, without any value that was bound. */
export function toMysqlError(thrown: unknown, settings: MysqlSettings): StewardError {
  if (thrown instanceof StewardError) return thrown;
  const number = numberIn(thrown, 'errno');
  const code = textIn(thrown, 'code') ?? (thrown instanceof Error ? thrown.name : 'an unknown failure');
  const refusal = refusalOf(number, code, settings) ?? certificateTrouble(thrown, settings);
  if (refusal !== undefined) return new StewardError('database-refused', refusal);
  const said = harmless.has(number) ? (textIn(thrown, 'sqlMessage') ?? '') : '';
  const message = `The database answered ${code}${said === '' ? '' : `: ${said}`}.`;
  if (full.has(number)) return new StewardError('disk-full', message);
  const isOfItsFiles = number > 0 && number < FIRST_OF_SERVER;
  if (transient.has(number) || isOfItsFiles) return new StewardError('unavailable', message);
  if (isOfConnection(thrown, code)) {
    return new StewardError('unavailable', `The database ${place(settings)} is not reachable (${code}).`);
  }
  return new StewardError('internal', message);
}

/** What only a change of the configuration or of the server's accounts helps against. */
function refusalOf(number: number, code: string, settings: MysqlSettings): string | undefined {
  const at = `The database server ${place(settings)}`;
  switch (number) {
    case 1045:
    case 1698:
      return `${at} refuses user "${settings.user}" or the password given; check database.user and database.password (or DB_USERNAME, DB_PASSWORD)${isPlain(settings) ? ', and set database.tls if it wants TLS' : ''}.`;
    case 1044:
      return `${at} does not let user "${settings.user}" use database "${settings.name}"; grant it, or check database.name.`;
    case 1049:
      return `${at} has no database "${settings.name}"; create it, or check database.name (or DB_NAME).`;
    case 1129:
    case 1130:
      return `${at} takes no connections from this machine (${code}); allow it there.`;
    default:
  }
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return `${at} offers no TLS; remove database.tls, or enable it there.`;
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR')
    return `${at} wants a way of authentication this driver does not know.`;
  return undefined;
}

/** The driver has one code for all that goes wrong with TLS, a lost connection among it. */
function certificateTrouble(thrown: unknown, settings: MysqlSettings): string | undefined {
  if (!(thrown instanceof Error) || textIn(thrown, 'code') !== 'HANDSHAKE_SSL_ERROR') return undefined;
  const { message } = thrown;
  const at = `The database server ${place(settings)} shows a certificate`;
  if (/does not match certificate/.test(message))
    return `${at} of another name; check database.host, or say in database.tls.serverName which one it has.`;
  return /certificate|issuer/.test(message) && !/\balert\b/.test(message)
    ? `${at} that is not trusted (${message}); check database.tls.ca (or DB_CA_CERT).`
    : undefined;
}

/** A fatal error ends its connection. What the server itself says has a number; too large a packet is the statement's fault. */
function isOfConnection(thrown: unknown, code: string): boolean {
  if (code.startsWith('ER_')) return false;
  const isFatal = typeof thrown === 'object' && thrown !== null && 'fatal' in thrown && thrown.fatal === true;
  return isFatal || connectionCodes.test(code);
}

/** A server that wants TLS refuses others like a wrong password. */
function isPlain({ tls, socket }: MysqlSettings): boolean {
  return tls === undefined && socket === undefined;
}

export function place({ host, port, socket }: MysqlSettings): string {
  return socket === undefined ? `${host}:${port}` : socket;
}

function numberIn(thrown: unknown, name: string): number {
  const value: unknown = thrown instanceof Error ? Reflect.get(thrown, name) : undefined;
  return typeof value === 'number' ? value : 0;
}

function textIn(thrown: unknown, name: string): string | undefined {
  const value: unknown = thrown instanceof Error ? Reflect.get(thrown, name) : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
