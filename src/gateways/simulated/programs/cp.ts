import { join } from 'node:path';
import type { Inode } from '../inode.js';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { write } from './write.js';

/** `cp -a … -- <from> <to>`: a tree over an existing folder; the disk cannot share blocks. */
export const cp: SimulatedProgram = async (context) => {
  const { args, cwd, files, stderr, signal } = context;
  const [from, to] = args.slice(args.indexOf('--') + 1).map((path) => join(cwd, path));
  const source = from === undefined ? undefined : files.disk.find(from)?.inode;
  if (args.includes('--reflink=always') || source === undefined || to === undefined) {
    await write(stderr, 'cp: failed to clone: Operation not supported\n', signal);
    return 1;
  }
  await copy(context, source, to);
  return 0;
};

/** A tree with modes, owners and times. */
export async function copy(context: ProgramContext, inode: Inode, to: string): Promise<void> {
  const { files, signal } = context;
  signal.throwIfAborted();
  if (inode.kind === 'symlink') await files.symlink(inode.target, to);
  if (inode.kind === 'file') await files.write(to, inode.content.bytes());
  if (inode.kind === 'directory') {
    await files.makeDirectory(to);
    for (const [name, child] of [...inode.entries]) await copy(context, child, join(to, name));
  }
  const made = files.disk.find(to)?.inode;
  if (made === undefined) return;
  files.disk.setMode(made, inode.mode);
  files.disk.setOwner(made, inode.uid, inode.gid);
  files.disk.setModified(made, inode.modifiedMs);
}
