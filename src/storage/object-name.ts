import { StewardError } from '../errors/steward-error.js';
import { OBJECT_NAME_LENGTH_MAX, OBJECT_SEGMENT_LENGTH_MAX, OBJECT_URL_LENGTH_MAX } from './bounds.js';
import type { ObjectName } from './object-storage.js';

/** Throws `invalid-argument` unless the name follows the rules of `ObjectName`. */
export function checkObjectName(name: ObjectName): void {
  const problem = problemOf(name);
  if (problem !== undefined) throw new StewardError('invalid-argument', `The object name ${problem}.`);
}

export function isObjectName(name: string): boolean {
  return problemOf(name) === undefined;
}

/** Throws unless it is empty or the beginning of possible names. */
export function checkPrefix(prefix: string): void {
  const complete = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  if (prefix !== '') checkObjectName(complete);
}

/** Key and bucket of a `<key>@<bucket>`; undefined unless there is exactly one `@` and both are well formed. */
export function splitUrl(url: string): { readonly key: string; readonly bucket: string } | undefined {
  if (url.length > OBJECT_URL_LENGTH_MAX) return undefined;
  const [key, bucket, ...more] = url.split('@');
  if (key === undefined || bucket === undefined || more.length > 0) return undefined;
  if (problemOf(key) !== undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket)) return undefined;
  return { key, bucket };
}

function problemOf(name: string): string | undefined {
  if (name.length > OBJECT_NAME_LENGTH_MAX) return `is longer than ${OBJECT_NAME_LENGTH_MAX} characters`;
  for (const segment of name.split('/')) {
    if (segment === '') return 'has an empty segment';
    if (segment === '.' || segment === '..') return `has a segment "${segment}"`;
    if (segment.length > OBJECT_SEGMENT_LENGTH_MAX) {
      return `has a segment longer than ${OBJECT_SEGMENT_LENGTH_MAX} characters`;
    }
    if (!/^[A-Za-z0-9._-]+$/.test(segment)) return 'may hold only letters, digits, ".", "_", "-" and "/"';
  }
  return undefined;
}
