import { StewardError } from '../../errors/steward-error.js';
import type { FileDownloadInitializer } from '../../gen/content-service-api/initializer.js';
import { checkedLocation, hasControlCharacters } from '../checkout-location.js';
import { READY_MARKER, READY_MARKER_TEMPORARY } from '../ready-marker.js';
import { DOWNLOAD_FILES_MAX, DOWNLOAD_URL_CHARACTERS_MAX } from './bounds.js';

/** A checked request for one file. */
export interface FileRequest {
  readonly url: string;
  /** Below the content's root, with the file's name. */
  readonly path: string;
  readonly digest: FileDigest;
}

export interface FileDigest {
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  /** Lower case. */
  readonly hex: string;
}

/**
 * Checks every file of a download; the same file named twice is fetched once. Fails with `invalid-argument` and
 * the field for names that lead out or into each other, for URLs that are not http or https or that carry a
 * password, and for digests that prove nothing.
 */
export function fileRequests(input: FileDownloadInitializer, field: string): readonly FileRequest[] {
  if (input.files.length > DOWNLOAD_FILES_MAX) {
    throw new StewardError('invalid-argument', `${field}.files has more than ${DOWNLOAD_FILES_MAX} entries`);
  }
  const target = checkedLocation(input.targetLocation, `${field}.target_location`);
  const byPath = new Map<string, FileRequest>();
  for (const [index, { url, filePath, digest }] of input.files.entries()) {
    const place = `${field}.files.${index}`;
    const request = {
      url: checkedUrl(url, `${place}.url`),
      path: checkedPath(target, filePath, `${place}.file_path`),
      digest: checkedDigest(digest, `${place}.digest`),
    };
    const known = byPath.get(request.path);
    if (known !== undefined && !isSame(known, request)) {
      throw new StewardError('invalid-argument', `${place}.file_path names a file that another entry makes`);
    }
    byPath.set(request.path, request);
  }
  requireNoFileAsFolder(byPath, field);
  return [...byPath.values()];
}

function checkedUrl(text: string, field: string): string {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (text.length > DOWNLOAD_URL_CHARACTERS_MAX) throw refuse('is too long');
  if (hasControlCharacters(text) || text.includes(' '))
    throw refuse('must not contain blanks or control characters');
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw refuse('must be an http or https URL');
  const { username, password } = new URL(text);
  if (username !== '' || password !== '') throw refuse('must not contain a user or password');
  return text;
}

function checkedPath(target: string, filePath: string, field: string): string {
  const path = checkedLocation(filePath, field);
  if (path === '' || /(^|\/)\.?$/.test(filePath)) {
    throw new StewardError('invalid-argument', `${field} must name a file`);
  }
  const whole = target === '' ? path : `${target}/${path}`;
  if (whole === READY_MARKER || whole === READY_MARKER_TEMPORARY) {
    throw new StewardError('invalid-argument', `${field} must not name the ready marker`);
  }
  return whole;
}

/** Hexadecimal digits of the digests that the OCI library for digests knows; older ones prove nothing any more. */
const DIGITS = { sha256: 64, sha384: 96, sha512: 128 } as const;

function checkedDigest(text: string, field: string): FileDigest {
  const [, algorithm, hex = ''] = /^(sha256|sha384|sha512):([0-9a-f]+)$/.exec(text) ?? [];
  const isKnown = algorithm === 'sha256' || algorithm === 'sha384' || algorithm === 'sha512';
  if (isKnown && hex.length === DIGITS[algorithm]) return { algorithm, hex };
  throw new StewardError(
    'invalid-argument',
    `${field} must be sha256:, sha384: or sha512: and that many lower-case hexadecimal digits`,
  );
}

function isSame(one: FileRequest, other: FileRequest): boolean {
  return (
    one.url === other.url &&
    one.digest.algorithm === other.digest.algorithm &&
    one.digest.hex === other.digest.hex
  );
}

function requireNoFileAsFolder(byPath: ReadonlyMap<string, FileRequest>, field: string): void {
  for (const path of byPath.keys()) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (!byPath.has(path.slice(0, end))) continue;
      throw new StewardError(
        'invalid-argument',
        `${field}.files makes ${path.slice(0, end)} a file and a folder`,
      );
    }
  }
}
