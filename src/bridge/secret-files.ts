import type { ServerTls } from '../config/server-tls.js';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { PEM_FILE_BYTES, SECRET_FILE_BYTES } from './bounds.js';

/** The text of a file that holds one secret, without the end of its line. Fails with `invalid-config`. */
export async function readSecret(files: Pick<Files, 'read'>, key: string, path: string): Promise<string> {
  return (await readNamed(files, key, path, SECRET_FILE_BYTES)).replace(/\r?\n$/, '');
}

/** The texts of the PEM files that are named. Fails with `invalid-config`. */
export async function readTls(
  files: Pick<Files, 'read'>,
  key: string,
  tls: ServerTls,
): Promise<{ readonly ca?: string; readonly crt?: string; readonly key?: string }> {
  const read = async (name: 'ca' | 'crt' | 'key') => {
    const path = tls[name];
    return path === undefined
      ? {}
      : { [name]: await readNamed(files, `${key}.${name}`, path, PEM_FILE_BYTES) };
  };
  return { ...(await read('ca')), ...(await read('crt')), ...(await read('key')) };
}

async function readNamed(
  files: Pick<Files, 'read'>,
  key: string,
  path: string,
  bytes: number,
): Promise<string> {
  try {
    return (await files.read(path, bytes)).toString('utf8');
  } catch (cause) {
    throw new StewardError('invalid-config', `${key}: the file ${path} cannot be read.`, { cause });
  }
}
