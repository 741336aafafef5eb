import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { GIT_ARGUMENT_CHARACTERS_MAX } from './bounds.js';
import type { ContentUser } from './user.js';

/** Permissions of folders that are made on the way to a location. */
const FOLDER_MODE = 0o755;

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

/**
 * The folder at the location, with those on the way made for `user` where they are missing. Fails with
 * `content-initialization-failed` when something else is on the way: a link may lead anywhere.
 */
export async function makePlainFolder(
  files: Files,
  root: string,
  location: string,
  user: ContentUser | undefined,
): Promise<string> {
  let path = root;
  for (const segment of location.split('/').filter((part) => part !== '')) {
    path = join(path, segment);
    const found = await files.stat(path);
    if (found?.kind === 'directory') continue;
    if (found !== undefined) {
      const shown = path.slice(root.length + 1);
      throw new StewardError(
        'content-initialization-failed',
        `${shown} is there already and is not a folder`,
      );
    }
    await files.makeDirectory(path, FOLDER_MODE);
    if (user !== undefined) await files.chown(path, user.uid, user.gid);
  }
  return path;
}

export function hasControlCharacters(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
