import { z } from 'zod';
import { serverTlsSchema } from '../config/server-tls.js';
import { PORT_MAX } from './bounds.js';

const DEFAULT_PORT = 3_306;

const sqliteSchema = z.strictObject({
  kind: z.literal('sqlite'),
  /** Its folder is created. */
  file: z.string().min(1),
});

const mysqlSchema = z.strictObject({
  kind: z.literal('mysql'),
  host: z.string().min(1).default('localhost'),
  port: z.number().int().min(1).max(PORT_MAX).default(DEFAULT_PORT),
  /** Path of the server's Unix socket, in the place of host and port. */
  socket: z.string().min(1).optional(),
  user: z.string().min(1),
  password: z.string().optional(),
  /** File that holds the password; read whenever the bridge starts. */
  passwordFile: z.string().min(1).optional(),
  /** Of the database on the server; it must exist. */
  name: z
    .string()
    .regex(/^[^`/\\]{1,64}$/, 'expected a name of 1 to 64 characters without quotes and slashes'),
  tls: serverTlsSchema.optional(),
  /** Add columns and tables that are missing where another program has made the others. */
  allowAlter: z.boolean().default(false),
});

/** `mysql://user:password@host:port/name?tls=true&socket=/path`, with everything but name optional, or an object. */
export const databaseConfigSchema = z.preprocess(
  (value, context) => {
    if (typeof value !== 'string') return value;
    const parsed = fromUrl(value);
    if (parsed !== undefined) return parsed;
    context.addIssue(
      'expected mysql://user:password@host:port/name, with nothing behind it but ?tls=true or ?socket=/path, or an object',
    );
    return z.NEVER;
  },
  z.discriminatedUnion('kind', [sqliteSchema, mysqlSchema]),
);

export type DatabaseConfig = z.output<typeof databaseConfigSchema>;
export type MysqlConfig = z.output<typeof mysqlSchema>;

/** undefined when the text is no such URL; it may hold a password, so nothing tells what it was. */
function fromUrl(text: string): object | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, searchParams, hash } = new URL(text);
  if (protocol !== 'mysql:' && protocol !== 'mariadb:') return undefined;
  const { socket, tls, ...others } = Object.fromEntries(searchParams);
  // Whoever asks for encryption in the words of another program must not go without.
  if (Object.keys(others).length > 0 || hash !== '') return undefined;
  if (tls !== undefined && tls !== 'true' && tls !== 'false') return undefined;
  const name = decoded(pathname.slice(1));
  const [user, secret] = [decoded(username), decoded(password)];
  if (name === undefined || user === undefined || secret === undefined) return undefined;
  return {
    kind: 'mysql',
    ...(hostname === '' ? {} : { host: hostname.replace(/^\[|\]$/g, '') }),
    ...(port === '' ? {} : { port: Number(port) }),
    ...(socket === undefined ? {} : { socket }),
    user,
    ...(password === '' ? {} : { password: secret }),
    name,
    ...(tls === 'true' ? { tls: {} } : {}),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
