import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { PEM_FILE_BYTES, SECRET_FILE_BYTES } from './bounds.js';

/** The text of a file that holds one secret, without the end of its line. Fails with `invalid-config`. */
export async function readSecret(files: Pick<Files, 'read'>, key: string, path: string): Promise<string> {
  return (await readNamed(files, key, path, SECRET_FILE_BYTES)).replace(/\r?\n$/, '');
}

/** The text of a PEM file. Fails with `invalid-config`. */
export function readPem(files: Pick<Files, 'read'>, key: string, path: string): Promise<string> {
  return readNamed(files, key, path, PEM_FILE_BYTES);
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
