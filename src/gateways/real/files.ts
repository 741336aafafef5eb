import { constants, createReadStream, type Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { LIST_LOOKS_MAX, READ_CHUNK_BYTES, READ_UNKNOWN_BYTES } from '../bounds.js';
import { errorCode, fileError } from '../file-error.js';
import type {
  BeneathOptions,
  DirectoryEntry,
  EntryKind,
  FileStat,
  Files,
  ScanRange,
  WriteOptions,
} from '../files.js';
import { FileWriteStream } from './file-write-stream.js';
import { moveAway } from './move-away.js';
import { removeTree } from './remove-tree.js';
import { writeBeneath } from './write-beneath.js';

/** The machine's file systems. Modes are exactly those asked for, whatever the umask. */
export class RealFiles implements Files {
  async read(path: string, limitBytes: number): Promise<Buffer> {
    // A pipe in the place of a file would be waited for, without end, by one of the few threads there are.
    const handle = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await readWithin(handle, path, limitBytes);
    } finally {
      await handle.close();
    }
  }

  async write(path: string, data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    await put(path, options.exclusive ? 'wx' : 'w', data, options);
  }

  async writeBeneath(
    root: string,
    path: string,
    data: Uint8Array | string,
    options: BeneathOptions,
  ): Promise<void> {
    await writeBeneath(root, path, data, options);
  }

  async append(
    path: string,
    data: Uint8Array | string,
    options: Omit<WriteOptions, 'exclusive'> = {},
  ): Promise<void> {
    await put(path, 'a', data, options);
  }

  openRead(path: string, range?: { readonly start: number; readonly end?: number }): Readable {
    return createReadStream(path, { highWaterMark: READ_CHUNK_BYTES, ...range });
  }

  async scan(path: string, { start, end }: ScanRange, take: (piece: Buffer) => void): Promise<void> {
    const handle = await fs.open(path, 'r');
    try {
      const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(READ_CHUNK_BYTES, end + 1 - start)));
      for (let at = start; at <= end; ) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end + 1 - at), at);
        if (bytesRead === 0) return;
        take(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
    } finally {
      await handle.close();
    }
  }

  openWrite(path: string, options: { readonly mode?: number } = {}): Writable {
    return new FileWriteStream(path, options.mode);
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(from, to);
  }

  async link(from: string, to: string): Promise<void> {
    await fs.link(from, to);
  }

  async symlink(target: string, path: string): Promise<void> {
    await fs.symlink(target, path);
  }

  async readlink(path: string): Promise<string> {
    return fs.readlink(path);
  }

  async makeDirectory(path: string, mode?: number): Promise<void> {
    const created = await fs.mkdir(path, { recursive: true });
    if (created !== undefined && mode !== undefined) await fs.chmod(path, mode);
  }

  async remove(path: string): Promise<void> {
    await removeTree(path);
  }

  async moveAway(from: string, to: string): Promise<void> {
    await moveAway(from, to);
  }

  async list(path: string): Promise<readonly DirectoryEntry[]> {
    for (let looks = 1; ; looks += 1) {
      try {
        const entries = await fs.readdir(path, { withFileTypes: true });
        return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
      } catch (error) {
        if (looks === LIST_LOOKS_MAX || !isEntryGone(error, path)) throw error;
      }
    }
  }

  async *entries(path: string): AsyncGenerator<DirectoryEntry> {
    for await (const entry of await fs.opendir(path)) yield { name: entry.name, kind: kindOf(entry) };
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      const found = await fs.lstat(path, { bigint: true });
      return {
        kind: kindOf(found),
        sizeBytes: Number(found.size),
        mode: Number(found.mode & 0o7777n),
        uid: Number(found.uid),
        gid: Number(found.gid),
        inode: found.ino,
        links: Number(found.nlink),
        modifiedMs: Number(found.mtimeMs),
      };
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  async chmod(path: string, mode: number): Promise<void> {
    await fs.chmod(path, mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await fs.lchown(path, uid, gid);
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await fs.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    const found = await fs.statfs(path);
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  }
}

async function put(
  path: string,
  flags: 'w' | 'wx' | 'a',
  data: Uint8Array | string,
  options: WriteOptions,
): Promise<void> {
  const handle = await fs.open(path, flags, options.mode);
  try {
    if (options.mode !== undefined) await handle.chmod(options.mode);
    await handle.writeFile(data);
    if (options.sync) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The size is not known beforehand: files in /proc have none, and others may grow while they are read. */
async function readWithin(handle: fs.FileHandle, path: string, limitBytes: number): Promise<Buffer> {
  const stat = await handle.stat();
  if (stat.isDirectory()) throw fileError('EISDIR', 'read', path);
  const { size } = stat;
  if (size > limitBytes) throw fileError('EFBIG', 'read', path);
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const room = Math.min(Math.max(size - length, 0) + 1, READ_CHUNK_BYTES * 4);
    const chunk = Buffer.allocUnsafe(size === 0 ? Math.min(READ_UNKNOWN_BYTES, limitBytes + 1) : room);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    // One read is enough for most: it got what the file was said to hold, and there was room for more.
    if (length === 0 && bytesRead === size && size > 0) return chunk.subarray(0, bytesRead);
    if (bytesRead === 0) return Buffer.concat(chunks, length);
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
    if (length > limitBytes) throw fileError('EFBIG', 'read', path);
  }
}

/** What kind an entry is Node asks by its name where the kernel does not say it, as of a process that ends meanwhile. */
function isEntryGone(error: unknown, path: string): boolean {
  const isOfEntry = error instanceof Error && 'path' in error && error.path !== path;
  return isOfEntry && errorCode(error) === 'ENOENT';
}

function kindOf(entry: Pick<Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): EntryKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}
