import { dirname } from 'node:path';
import type { Files } from './files.js';

/** Creates the folder with its missing parents, so that all of them survive a crash. */
export async function makeDurableDirectory(files: Files, path: string, mode?: number): Promise<void> {
  const created: string[] = [];
  for (let at = path; (await files.stat(at)) === undefined; at = dirname(at)) created.push(at);
  await files.makeDirectory(path, mode);
  for (const folder of created) await files.syncDirectory(dirname(folder));
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
