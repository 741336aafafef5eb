import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';

/** One entry of a folder as a user could tell it from another. */
interface Entry {
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  readonly modifiedNs: string;
  readonly size: number;
  /** Names of the same inode, first one first; a name alone for everything with one name. */
  readonly names: string;
  readonly data: string;
}

/** Everything below a folder by its path, the folder itself as `.`. */
export async function describeTree(root: string): Promise<Record<string, Entry>> {
  const entries: Record<string, Entry> = {};
  const firstNames = new Map<bigint, string>();
  const visit = async (at: Buffer) => {
    const stat = await lstat(at, { bigint: true });
    const path = at.equals(Buffer.from(root)) ? '.' : textOf(at.subarray(Buffer.byteLength(root) + 1));
    const first = firstNames.get(stat.ino) ?? path;
    firstNames.set(stat.ino, first);
    const isFile = stat.isFile();
    entries[path] = {
      kind: kindOf(stat),
      mode: (stat.mode & 0o7777n).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      modifiedNs: stat.mtimeNs.toString(),
      size: isFile ? Number(stat.size) : 0,
      names: stat.isDirectory() ? path : first,
      data: isFile ? await digest(at) : stat.isSymbolicLink() ? await readlink(at) : '',
    };
    if (!stat.isDirectory()) return;
    const names = await readdir(at, { encoding: 'buffer' });
    for (const name of names.sort(Buffer.compare)) await visit(Buffer.concat([at, SLASH, name]));
  };
  await visit(Buffer.from(root));
  return entries;
}

const SLASH = Buffer.from('/');

/** Names that are no text stay apart as their bytes. */
function textOf(name: Buffer): string {
  return isUtf8(name) ? name.toString('utf8') : name.toString('hex');
}

function kindOf(stat: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
}): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  return stat.isFIFO() ? 'fifo' : 'other';
}

async function digest(path: Buffer): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
