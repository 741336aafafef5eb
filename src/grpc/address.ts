import { isIP } from 'node:net';
import { StewardError } from '../errors/steward-error.js';
import { SOCKET_PATH_BYTES } from './bounds.js';

export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const UNIX_PREFIX = 'unix:';

/**
 * `unix:/path`, `host:port` or `[IPv6]:port`; port 0 lets the system choose. Throws `invalid-config` with what
 * is wrong, a socket path beyond what the kernel takes included.
 */
export function parseAddress(text: string): Address {
  return text.startsWith(UNIX_PREFIX) ? parseUnix(text) : parseTcp(text);
}

/** As grpc-js wants it. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `${UNIX_PREFIX}${address.path}`;
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether only this machine can reach it. */
export function isLocal(address: Address): boolean {
  if (address.kind === 'unix') return true;
  const { host } = address;
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function parseUnix(text: string): Address {
  const path = text.slice(UNIX_PREFIX.length).replace(/^\/\/(?=\/)/, '');
  if (!path.startsWith('/')) throw invalid(text, 'the path of a Unix socket must be absolute');
  if (path.includes('\0')) throw invalid(text, 'the path of a Unix socket must not hold zero bytes');
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES) {
    throw invalid(
      text,
      `the path has ${bytes} bytes, and the kernel takes ${SOCKET_PATH_BYTES}; use a shorter one`,
    );
  }
  return { kind: 'unix', path };
}

function parseTcp(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined) throw invalid(text, 'use unix:/path, host:port or [IPv6]:port');
  if (match?.[1] !== undefined && isIP(host) !== 6)
    throw invalid(text, 'only IPv6 addresses stand in brackets');
  if (port > 65_535) throw invalid(text, 'ports end at 65535');
  // Both families would be bound, and one of them taken by others would go unnoticed.
  return { kind: 'tcp', host: host === 'localhost' ? '127.0.0.1' : host, port };
}

function invalid(text: string, problem: string): StewardError {
  return new StewardError('invalid-config', `the address ${JSON.stringify(text)} cannot be used: ${problem}`);
}
