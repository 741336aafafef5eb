import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { PEM_FILE_BYTES } from './bounds.js';

/** The bytes of the PEM file that `key` of a configuration names. Fails with `invalid-config`. */
export async function readPemFile(files: Pick<Files, 'read'>, key: string, path: string): Promise<Buffer> {
  try {
    return await files.read(path, PEM_FILE_BYTES);
  } catch (cause) {
    throw new StewardError('invalid-config', `${key}: the file ${path} cannot be read.`, { cause });
  }
}
