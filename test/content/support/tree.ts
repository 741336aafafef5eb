import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

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
  const visit = async (path: string) => {
    const stat = await lstat(join(root, path), { bigint: true });
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
      data: isFile
        ? await digest(join(root, path))
        : stat.isSymbolicLink()
          ? await readlink(join(root, path))
          : '',
    };
    if (!stat.isDirectory()) return;
    for (const name of (await readdir(join(root, path))).sort())
      await visit(path === '.' ? name : `${path}/${name}`);
  };
  await visit('.');
  return entries;
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

async function digest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
