import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import { CREDENTIALS_BYTES } from './bounds.js';
import type { S3CredentialSource } from './options.js';

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When the SDK asks again: at once, for keys that come from files. */
  readonly expiration?: Date;
}

/** Gives the keys at each request; undefined leaves the search to the SDK. */
export function keysFrom(source: S3CredentialSource, files: Files): (() => Promise<S3Keys>) | undefined {
  switch (source.kind) {
    case 'keys': {
      const keys = { accessKeyId: source.accessKey, secretAccessKey: source.secretKey };
      return async () => keys;
    }
    case 'key-files':
      return async () => ({
        accessKeyId: await readKey(files, source.accessKeyFile),
        secretAccessKey: await readKey(files, source.secretKeyFile),
        expiration: new Date(0),
      });
    case 'credentials-file':
      return async () => ({
        ...keysInProfile(await readText(files, source.file), source.file),
        expiration: new Date(0),
      });
    case 'default-chain':
      return undefined;
  }
}

/** The keys of the profile `default`, or of lines above any profile. */
export function keysInProfile(text: string, file: string): S3Keys {
  const found = new Map<string, string>();
  let profile = 'default';
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(?:profile\s+)?([^\]\s]+)\s*\]/.exec(line);
    if (header?.[1] !== undefined) profile = header[1];
    const setting = /^\s*([A-Za-z_]+)\s*=\s*(\S+)\s*$/.exec(line);
    if (profile === 'default' && setting?.[1] !== undefined && setting[2] !== undefined) {
      found.set(setting[1].toLowerCase(), setting[2]);
    }
  }
  const accessKeyId = found.get('aws_access_key_id');
  const secretAccessKey = found.get('aws_secret_access_key');
  const sessionToken = found.get('aws_session_token');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw refused(`The credentials file ${file} has no key pair in its profile "default".`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

async function readKey(files: Files, file: string): Promise<string> {
  const key = (await readText(files, file)).trim();
  if (key === '') throw refused(`The key file ${file} is empty.`);
  return key;
}

async function readText(files: Files, file: string): Promise<string> {
  try {
    return (await files.read(file, CREDENTIALS_BYTES)).toString('utf8');
  } catch (error) {
    throw refused(`The credentials in ${file} cannot be read (${errorCode(error) ?? 'unknown error'}).`);
  }
}

function refused(message: string): StewardError {
  return new StewardError('storage-refused', message);
}
