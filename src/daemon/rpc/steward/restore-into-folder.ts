import { dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { StewardError } from '../../../errors/steward-error.js';
import { makeDurableDirectory } from '../../../gateways/durable.js';
import type { Files } from '../../../gateways/files.js';
import { type Restored, type Restoring, unpack } from './restoring.js';

/** Nobody but us gets to what is looked at: it may hold programs that run as somebody else. */
const FOLDER_MODE = 0o700;

/** Unpacks for a look, below the configured folder. What is there under that name is whole. */
export async function restoreIntoFolder(restoring: Restoring, path: string): Promise<Restored> {
  const { context, manifest } = restoring;
  const { files, random } = context.place.world;
  const below = checkedFolder(context.restoreFolder, path);
  await makeDurableDirectory(files, context.restoreFolder, FOLDER_MODE);
  await requireFree(files, context.restoreFolder, below, path);
  const target = join(context.restoreFolder, below);
  await files.makeDirectory(dirname(target), FOLDER_MODE);
  const partial = join(context.restoreFolder, `.partial-${random.uuid()}`);
  try {
    await files.makeDirectory(partial);
    await unpack(restoring, partial);
    await files.rename(partial, target);
    await files.syncDirectory(dirname(target));
  } finally {
    await files.remove(partial).catch(() => undefined);
  }
  return { manifest, aside: [] };
}

/** The path below the folder; throws unless it is absolute and below it. */
function checkedFolder(restoreFolder: string, path: string): string {
  const refuse = (problem: string) => new StewardError('invalid-argument', `into_folder.path ${problem}`);
  if (path === '') throw refuse('is missing');
  if (path.includes('\0')) throw refuse('must not contain a zero byte');
  if (!isAbsolute(path)) throw refuse('must be absolute');
  const below = relative(restoreFolder, normalize(path)).replace(/\/$/, '');
  if (below === '' || below.startsWith('.')) {
    throw refuse(`must be below ${restoreFolder}, and its first name may not begin with a dot`);
  }
  return below;
}

async function requireFree(files: Files, root: string, below: string, path: string): Promise<void> {
  const parts = below.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const found = await files.stat(join(root, ...parts.slice(0, depth)));
    if (found === undefined) return;
    const isLast = depth === parts.length;
    if (isLast) throw new StewardError('already-exists', `${path} exists already`);
    if (found.kind !== 'directory') {
      throw new StewardError(
        'path-refused',
        `${parts.slice(0, depth).join('/')} on the way to ${path} is no plain folder`,
      );
    }
  }
}
