import { dirname } from 'node:path';
import { errorCode } from './file-error.js';
import type { Files } from './files.js';

/**
 * Creates the folder with its missing parents, so that all of them survive a crash. The last one that exists may
 * have been made just before an earlier crash, so its name is synced too; those above it were before it was made.
 */
export async function makeDurableDirectory(files: Files, path: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  let existing = path;
  for (; (await files.stat(existing)) === undefined; existing = dirname(existing)) missing.unshift(existing);
  await syncNameOfExisting(files, existing);
  for (const parent of missing.slice(0, -1)) {
    await files.makeDirectory(parent);
    await files.syncDirectory(dirname(parent));
  }
  await files.makeDirectory(path, mode);
  if (missing.length > 0) await files.syncDirectory(dirname(path));
}

/** A folder that we may not even open has not got its names from us. */
async function syncNameOfExisting(files: Files, path: string): Promise<void> {
  try {
    await files.syncDirectory(dirname(path));
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

/**
 * Replaces a small file as a whole: after a crash either the old or the new content is there. `temporary` is
 * a name in the same folder that nobody else uses.
 */
export async function replaceDurably(
  files: Files,
  path: string,
  temporary: string,
  data: Uint8Array | string,
): Promise<void> {
  await files.write(temporary, data, { mode: 0o600, sync: true });
  await files.rename(temporary, path);
  await files.syncDirectory(dirname(path));
}
