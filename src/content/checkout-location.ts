import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { GIT_ARGUMENT_CHARACTERS_MAX } from './bounds.js';

/**
 * A folder below the content's root as callers give it, without empty and `.` segments; `''` is the root itself.
 * Fails with `invalid-argument` for anything that could lead out.
 */
export function checkedLocation(location: string, field: string): string {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (location.length > GIT_ARGUMENT_CHARACTERS_MAX) {
    throw refuse(`is longer than ${GIT_ARGUMENT_CHARACTERS_MAX} characters`);
  }
  if (hasControlCharacters(location)) throw refuse('must not contain control characters');
  if (location.startsWith('/')) throw refuse('must be relative to the workspace');
  const segments = location.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw refuse('must stay inside the workspace');
  if (segments.some((segment) => segment.toLowerCase() === '.git'))
    throw refuse('must not name a .git folder');
  return segments.join('/');
}

/** Whether every part of the way to the location is a folder: nothing on it is a link, which may lead out. */
export async function isPlainFolder(files: Files, root: string, location: string): Promise<boolean> {
  let path = root;
  for (const segment of ['', ...location.split('/')]) {
    path = join(path, segment);
    if ((await files.stat(path))?.kind !== 'directory') return false;
  }
  return true;
}

export function hasControlCharacters(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
