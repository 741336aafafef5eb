import { join } from 'node:path';
import type { Files } from '../gateways/files.js';

/** Whether nothing is in the folder; looks at no more than one of its entries, however many there are. */
export async function isEmptyFolder(files: Pick<Files, 'entries'>, folder: string): Promise<boolean> {
  for await (const _entry of files.entries(folder)) return false;
  return true;
}

/** Removes all that is in the folder, which stays. */
export async function emptyFolder(files: Pick<Files, 'entries' | 'remove'>, folder: string): Promise<void> {
  for await (const { name } of files.entries(folder)) await files.remove(join(folder, name));
}
