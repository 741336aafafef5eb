import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { REMOVE_CONCURRENCY_MAX, REMOVE_DEPTH_MAX, REMOVE_ROUNDS_MAX } from '../bounds.js';
import { errorCode, fileError } from '../file-error.js';
import { mountBelow, mountIdOf } from './mounts.js';

/** open(2): names the folder without reading it, so that one without permissions can be opened too. */
const O_PATH = 0o10000000;
const FOLDER_ITSELF = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Removes a file, link or tree. Every folder is held open and its entries are reached through its descriptor
 * (`/proc/self/fd/<n>/<name>`), so neither a link nor a folder swapped for one meanwhile leads outside, and
 * no path is too long. Folders without permissions are opened up first, as an ordinary user would have to.
 * What is mounted belongs to others: a tree with a mount in it is not begun, and a mount that appears meanwhile
 * is not entered.
 */
export async function removeTree(path: string): Promise<void> {
  const parent = await fs.open(dirname(path), constants.O_DIRECTORY | O_PATH).catch(unlessGone);
  if (parent === undefined) return;
  try {
    await new Removal().entry(parent, Buffer.from(basename(path)), 0);
  } finally {
    await parent.close();
  }
}

/** Names and paths are bytes: not every name is UTF-8, and as text such a name would not be found again. */
class Removal {
  /** The topmost folder, into which folders too deep are moved. */
  #top: fs.FileHandle | undefined;
  /** Of the file system that all of the tree is on. */
  #mountId: string | undefined;
  #moved = 0;

  async entry(folder: fs.FileHandle, name: Buffer, depth: number): Promise<void> {
    const path = within(folder, name);
    try {
      await fs.unlink(path);
      return;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return;
      if (code !== 'EISDIR') throw error;
    }
    if (depth > REMOVE_DEPTH_MAX && this.#top !== undefined) await this.#moveUp(path, this.#top);
    else await this.#folder(path, depth);
  }

  async #folder(path: Buffer, depth: number): Promise<void> {
    const handle = await fs.open(path, FOLDER_ITSELF).catch(unlessGone);
    if (handle === undefined) return;
    try {
      if (depth === 0) await this.#begin(handle);
      else if ((await mountIdOf(handle)) !== this.#mountId) throw await mountedAt(handle);
      await this.#empty(handle, path, depth);
    } finally {
      await handle.close();
    }
  }

  async #begin(handle: fs.FileHandle): Promise<void> {
    const mount = await mountBelow(await fs.readlink(folderPath(handle)));
    if (mount !== undefined) throw fileError('EBUSY', 'remove', mount);
    this.#top = handle;
    this.#mountId = await mountIdOf(handle);
  }

  /** Goes over the folder until it is empty: deep folders are moved into the topmost one meanwhile. */
  async #empty(handle: fs.FileHandle, path: Buffer, depth: number): Promise<void> {
    await openUp(handle);
    for (let round = 0; round < REMOVE_ROUNDS_MAX; round += 1) {
      const before = this.#moved;
      const names = await fs.readdir(folderPath(handle), { encoding: 'buffer' });
      for (let at = 0; at < names.length; at += REMOVE_CONCURRENCY_MAX) {
        const some = names.slice(at, at + REMOVE_CONCURRENCY_MAX);
        // None may go on after the folder is closed: its number would soon stand for somebody else's folder.
        const ended = await Promise.allSettled(some.map((name) => this.entry(handle, name, depth + 1)));
        const failed = ended.find((one) => one.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
      }
      if (await isRemoved(path)) return;
      if (this.#moved > before) round = 0;
    }
    throw fileError('ENOTEMPTY', 'rmdir', path.toString());
  }

  /** An interrupted removal may have left folders under such names, so a taken one is passed over. */
  async #moveUp(path: Buffer, top: fs.FileHandle): Promise<void> {
    for (let attempt = 0; attempt < REMOVE_ROUNDS_MAX; attempt += 1) {
      this.#moved += 1;
      try {
        await fs.rename(path, within(top, Buffer.from(`.removing-${process.pid}-${this.#moved}`)));
        return;
      } catch (error) {
        const code = errorCode(error);
        if (code === 'ENOENT') return;
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
      }
    }
    throw fileError('ENOTEMPTY', 'rename', path.toString());
  }
}

async function mountedAt(folder: fs.FileHandle): Promise<Error> {
  return fileError('EBUSY', 'remove', await fs.readlink(folderPath(folder)));
}

async function isRemoved(path: Buffer): Promise<boolean> {
  try {
    await fs.rmdir(path);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** Gives the owner all rights on the folder. When that is refused, what follows says why it cannot be removed. */
async function openUp(folder: fs.FileHandle): Promise<void> {
  const { mode } = await fs.stat(folderPath(folder));
  if ((mode & 0o700) === 0o700) return;
  await fs.chmod(folderPath(folder), (mode & 0o7777) | 0o700).catch(() => undefined);
}

function folderPath(folder: fs.FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

function within(folder: fs.FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${folderPath(folder)}/`), name]);
}

function unlessGone(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
