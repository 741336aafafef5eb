import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { errorCode } from '../file-error.js';
import type { BeneathOptions } from '../files.js';
import { removeTree } from './remove-tree.js';

const FOLDER_ITSELF = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Every folder on the way is held open, and what is in it is reached through its descriptor
 * (`/proc/self/fd/<n>/<name>`): whatever others put in its place meanwhile, nothing is written outside.
 */
export async function writeBeneath(
  root: string,
  path: string,
  data: Uint8Array | string,
  options: BeneathOptions,
): Promise<void> {
  const parents = path.split('/');
  const name = parents.pop() ?? '';
  let folder = await fs.open(root, FOLDER_ITSELF);
  try {
    for (const parent of parents) {
      const inner = await enter(folder, parent, options);
      await folder.close();
      folder = inner;
    }
    await replace(folder, name, data, options);
  } finally {
    await folder.close();
  }
}

async function enter(folder: fs.FileHandle, name: string, options: BeneathOptions): Promise<fs.FileHandle> {
  const path = within(folder, name);
  const isNew = await fs.mkdir(path, options.folderMode).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    },
  );
  const inner = await fs.open(path, FOLDER_ITSELF);
  if (!isNew) return inner;
  try {
    await inner.chmod(options.folderMode);
    await own(inner, options);
    return inner;
  } catch (error) {
    await inner.close();
    throw error;
  }
}

async function replace(
  folder: fs.FileHandle,
  name: string,
  data: Uint8Array | string,
  options: BeneathOptions,
): Promise<void> {
  const temporary = within(folder, options.temporary);
  await removeTree(temporary);
  const file = await fs.open(temporary, NEW_FILE, options.mode);
  try {
    await file.chmod(options.mode);
    await file.writeFile(data);
    await own(file, options);
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, within(folder, name));
}

async function own(handle: fs.FileHandle, { owner }: BeneathOptions): Promise<void> {
  if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
}

function within(folder: fs.FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}
