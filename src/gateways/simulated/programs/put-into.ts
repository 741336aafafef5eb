import { join } from 'node:path';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { copy } from './cp.js';
import { write } from './write.js';

/**
 * The two shell scripts by which restored things are put into content, told apart by how many arguments they have:
 * a copy beside the content, and then a place in it, where what has the name already is kept under another one.
 */
export const putInto: SimulatedProgram = (context) => {
  const [staging = '', number = '', ...rest] = context.args.slice(3);
  const copied = join(context.cwd, staging, number);
  return rest.length === 1 ? stage(context, rest[0] ?? '', copied) : place(context, copied, rest);
};

async function stage(context: ProgramContext, source: string, copied: string): Promise<number> {
  const { files } = context;
  const inode = files.disk.find(source)?.inode;
  if (inode === undefined) return 1;
  await files.makeDirectory(join(copied, '..'), 0o700);
  await copy(context, inode, copied);
  return 0;
}

/** `rest`: owner of new folders, node, name, name of what is in the way, folders to enter. */
async function place(context: ProgramContext, copied: string, rest: readonly string[]): Promise<number> {
  const { files, cwd, stdout, signal } = context;
  const [owner = '', , name = '', aside = '', ...folders] = rest;
  let folder = cwd;
  for (const one of folders) {
    folder = join(folder, one);
    if ((await files.stat(folder)) !== undefined) continue;
    await files.makeDirectory(folder, 0o755);
    const [uid = 0, gid = 0] = owner.split(':').map(Number);
    if (owner !== '') await files.chown(folder, uid, gid);
  }
  const isInTheWay = (await files.stat(join(folder, name))) !== undefined;
  if (isInTheWay) await files.rename(join(folder, name), join(folder, aside));
  await files.rename(copied, join(folder, name));
  await write(stdout, isInTheWay ? 'kept\n' : 'new\n', signal);
  return 0;
}

/** `rm -rf … -- <path>`. */
export const rm: SimulatedProgram = async ({ args, cwd, files }) => {
  await files.remove(join(cwd, args.at(-1) ?? ''));
  return 0;
};
