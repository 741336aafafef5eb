import { readPemFile } from '../config/pem-file.js';
import type { ServerTls, ServerTlsTexts } from '../config/server-tls.js';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { SECRET_FILE_BYTES } from './bounds.js';

/** The text of a file that holds one secret, without the end of its line. Fails with `invalid-config`. */
export async function readSecret(files: Pick<Files, 'read'>, key: string, path: string): Promise<string> {
  try {
    return (await files.read(path, SECRET_FILE_BYTES)).toString('utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new StewardError('invalid-config', `${key}: the file ${path} cannot be read.`, { cause });
  }
}

/** The texts of the PEM files that are named. Fails with `invalid-config`. */
export async function readTls(
  files: Pick<Files, 'read'>,
  key: string,
  tls: ServerTls,
): Promise<ServerTlsTexts> {
  const read = async (name: 'ca' | 'crt' | 'key') => {
    const path = tls[name];
    if (path === undefined) return {};
    return { [name]: (await readPemFile(files, `${key}.${name}`, path)).toString('utf8') };
  };
  const { serverName } = tls;
  const texts = { ...(await read('ca')), ...(await read('crt')), ...(await read('key')) };
  return serverName === undefined ? texts : { ...texts, serverName };
}
