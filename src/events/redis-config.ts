import { z } from 'zod';
import { serverTlsSchema } from '../config/server-tls.js';

const DEFAULT_PORT = 6_379;

const redisSchema = z.strictObject({
  /** `host:port`; `[::1]:6379` for IPv6. */
  address: z.string().regex(/^(\[[^\]]+\]|[^:]+)(:\d{1,5})?$/, 'expected host:port'),
  username: z.string().optional(),
  password: z.string().optional(),
  /** File that holds the password; read whenever the bridge starts. */
  passwordFile: z.string().min(1).optional(),
  tls: serverTlsSchema.optional(),
});

/** `redis://user:password@host:port`, `rediss://…` for TLS, or an object. */
export const redisConfigSchema = z.preprocess((value, context) => {
  if (typeof value !== 'string') return value;
  const parsed = fromUrl(value);
  if (parsed !== undefined) return parsed;
  context.addIssue('expected redis://user:password@host:port, rediss://… or an object');
  return z.NEVER;
}, redisSchema);

export type RedisConfig = z.output<typeof redisConfigSchema>;

/** undefined when the text is no such URL; it may hold a password, so nothing tells what it was. */
function fromUrl(text: string): object | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  if ((protocol !== 'redis:' && protocol !== 'rediss:') || hostname === '') return undefined;
  // Channels belong to no database of the server, and whoever asks for more must not go without.
  if (!/^\/?\d*$/.test(pathname) || search !== '' || hash !== '') return undefined;
  try {
    return {
      address: `${hostname}:${port === '' ? DEFAULT_PORT : port}`,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Host and port of an address, as the client takes them. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const [, host = address, port] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? DEFAULT_PORT : Number(port) };
}
