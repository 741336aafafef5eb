import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, fileError } from '../file-error.js';
import { mountBelow } from './mounts.js';

/**
 * What is mounted in a tree would move with it, so a tree with a mount in it stays. What is mounted between the look
 * and the move is found by the removal.
 */
export async function moveAway(from: string, to: string): Promise<void> {
  if (await isGone(from)) return;
  const mount = await mountBelow(join(await fs.realpath(dirname(from)), basename(from)));
  if (mount !== undefined) throw fileError('EBUSY', 'rename', mount);
  await fs.rename(from, to);
}

async function isGone(path: string): Promise<boolean> {
  return fs.lstat(path).then(
    () => false,
    (error: unknown) => errorCode(error) === 'ENOENT',
  );
}
