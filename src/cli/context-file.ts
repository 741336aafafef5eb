import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { User } from '../config/state-folder.js';
import { StewardError } from '../errors/steward-error.js';
import { errorCode } from '../gateways/file-error.js';
import type { Files } from '../gateways/files.js';
import { CONTEXT_FILE_BYTES } from './bounds.js';

/** How to talk to one installation. Paths in the file are relative to it; here they are absolute. */
export interface Context {
  readonly address?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Name the server's certificate carries, where it is not that of the address. */
  readonly serverName?: string;
  /** State folder, of an installation on this machine. */
  readonly state?: string;
}

type Key = keyof Context;

const PATHS: readonly Key[] = ['tlsCa', 'tlsCert', 'tlsKey', 'state'];
const KEYS: readonly Key[] = ['address', 'serverName', ...PATHS];

/** Where contexts that go by a name are. */
export function contextFolder({ home, env }: Pick<User, 'home' | 'env'>): string {
  const { XDG_CONFIG_HOME: config } = env;
  return join(config || join(home, '.config'), 'steward', 'contexts');
}

/** A name, or with a `/` in it the path of a file. */
export function contextPath(user: Pick<User, 'home' | 'env'>, name: string): string {
  return name.includes('/') ? resolve(name) : join(contextFolder(user), `${name}.json`);
}

/** Throws `invalid-config`, which names the file and the key that is wrong. */
export async function readContext(
  files: Pick<Files, 'read'>,
  user: Pick<User, 'home' | 'env'>,
  name: string,
): Promise<Context> {
  const path = contextPath(user, name);
  const wrong = (problem: string, cause?: unknown) =>
    new StewardError('invalid-config', `the context ${path} ${problem}`, { cause });
  let found: unknown;
  try {
    found = JSON.parse((await files.read(path, CONTEXT_FILE_BYTES)).toString('utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw wrong('is not JSON', cause);
    throw wrong(errorCode(cause) === 'ENOENT' ? 'is not there' : 'cannot be read', cause);
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw wrong('is not a JSON object');
  const context: { [Name in Key]?: string } = {};
  for (const [name, value] of Object.entries(found)) {
    const key = KEYS.find((one) => one === name);
    if (key === undefined) throw wrong(`has a key nobody knows: ${name}; there are ${KEYS.join(', ')}`);
    if (typeof value !== 'string' || value === '') throw wrong(`needs a text for ${key}`);
    context[key] = PATHS.includes(key) && !isAbsolute(value) ? join(dirname(path), value) : value;
  }
  if (context.address === undefined && context.state === undefined) {
    throw wrong('names neither an address nor a state folder');
  }
  return context;
}
