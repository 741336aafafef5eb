import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { RESTORE_PATH_BYTES_MAX, RESTORE_PATHS_MAX } from './bounds.js';

/**
 * Paths below the content's root, each as its names, `.` left out. Fails with `invalid-argument` for a path that is
 * absolute, leads up, names nothing, or is too long, and for too many of them.
 */
export function checkedPaths(paths: readonly string[]): readonly (readonly string[])[] {
  if (paths.length > RESTORE_PATHS_MAX) {
    throw new StewardError('invalid-argument', `more than ${RESTORE_PATHS_MAX} paths at once`);
  }
  return paths.map((path) => {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    const isWrong = path.startsWith('/') || path.includes('\0') || names.includes('..') || names.length === 0;
    if (isWrong || Buffer.byteLength(path) > RESTORE_PATH_BYTES_MAX) {
      const shown = JSON.stringify(path.slice(0, RESTORE_PATH_BYTES_MAX));
      throw new StewardError('invalid-argument', `${shown} is no path below the content`);
    }
    return names;
  });
}

/**
 * Removes everything from a restored folder but the given paths and the folders above them. Fails with
 * `path-not-found` for a path that is not there; a link on the way is not followed.
 */
export async function keepOnly(
  files: Files,
  folder: string,
  paths: readonly (readonly string[])[],
): Promise<void> {
  for (const names of paths) await requirePath(files, folder, names);
  await prune(files, folder, paths);
}

async function requirePath(files: Files, folder: string, names: readonly string[]): Promise<void> {
  for (let depth = 1; depth <= names.length; depth += 1) {
    const found = await files.stat(join(folder, ...names.slice(0, depth)));
    const isThere = depth === names.length ? found !== undefined : found?.kind === 'directory';
    if (!isThere)
      throw new StewardError('path-not-found', `the backup holds no ${JSON.stringify(names.join('/'))}`);
  }
}

async function prune(files: Files, folder: string, paths: readonly (readonly string[])[]): Promise<void> {
  for await (const { name } of files.entries(folder)) {
    const below = paths.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (below.length === 0) await files.remove(join(folder, name));
    else if (below.every((rest) => rest.length > 0)) await prune(files, join(folder, name), below);
  }
}
