import { dirname, join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { FileStat } from './files.js';
import type { World } from './world.js';

const WRITABLE_BY_OTHERS = 0o022;
/** Only the owner of a name may take it away (inode(7)). */
const STICKY = 0o1000;

/**
 * Creates a folder that is ours alone, for secrets. Where everybody may create names, as in /dev/shm and /tmp, it
 * may be there already, made by somebody else to read, to replace what we write, or to lead us elsewhere by a link.
 * Fails with `permission-denied` then.
 */
export async function makePrivateDirectory(
  { files, random }: Pick<World, 'files' | 'random'>,
  path: string,
): Promise<void> {
  await files.makeDirectory(path, 0o700);
  const found = await files.stat(path);
  if (found?.kind !== 'directory') throw refusal(path, 'is no folder');
  const self = await ownUid({ files, random }, path);
  if (found.uid !== self) throw refusal(path, 'belongs to somebody else');
  const parent = await files.stat(dirname(path));
  if (parent === undefined || !isSafeParent(parent, self)) {
    throw refusal(path, 'lies in a folder of somebody else');
  }
  await files.chmod(path, 0o700);
}

/**
 * Fails with `permission-denied` when somebody else than we and root could take names in the folder away or put
 * others in their place, so that whoever looks there would talk to him.
 */
export async function requireSafeDirectory(
  { files, random }: Pick<World, 'files' | 'random'>,
  path: string,
): Promise<void> {
  const found = await files.stat(path);
  const self = await ownUid({ files, random }, path);
  if (found !== undefined && isSafeParent(found, self)) return;
  const problem = `${path} belongs to somebody else, or others may write to it: remove it or name another folder`;
  throw new StewardError('permission-denied', problem);
}

/** Who we are to the file system that holds the folder. */
async function ownUid({ files, random }: Pick<World, 'files' | 'random'>, path: string): Promise<number> {
  const probe = join(path, `.owner-${random.uuid()}`);
  await files.write(probe, '', { exclusive: true, mode: 0o600 });
  const self = (await files.stat(probe))?.uid;
  await files.remove(probe);
  if (self === undefined) throw refusal(path, 'loses what is written to it');
  return self;
}

/** Root can do as it likes anyway. */
function isSafeParent({ uid, mode, kind }: FileStat, self: number): boolean {
  if (uid !== 0 && uid !== self) return false;
  return kind === 'symlink' || (mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0;
}

function refusal(path: string, problem: string): StewardError {
  return new StewardError('permission-denied', `${path} is to hold secrets, but ${problem}: remove it`);
}
