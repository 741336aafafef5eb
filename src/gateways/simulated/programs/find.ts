import { join } from 'node:path';
import type { Inode } from '../inode.js';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { nanosecondsOf } from './tar-listing.js';
import { write } from './write.js';

const MARKER_FOLDER = './.gitpod';

/**
 * `find . … -prune -o … -printf`, as our looks at a folder start it: whatever paths are to be left out, and of every
 * other entry the line that a survey reads, or only of folders their inodes, or only what was changed since.
 */
export const find: SimulatedProgram = async (context) => {
  const { args, cwd, files, signal } = context;
  const pruned = new Set(args.flatMap((arg, index) => (args[index - 1] === '-path' ? [arg] : [])));
  pruned.delete(MARKER_FOLDER);
  const say = lookOf(args);
  let text = '';
  const visit = async (path: string, inode: Inode): Promise<void> => {
    if (pruned.has(path)) return;
    text += say(path, inode);
    if (inode.kind !== 'directory') return;
    for (const { name } of await files.list(join(cwd, path))) {
      const child = files.disk.find(join(cwd, path, name))?.inode;
      if (child !== undefined) await visit(`${path}/${name}`, child);
    }
  };
  const root = files.disk.find(cwd)?.inode;
  if (root === undefined) return fail(context);
  await visit('.', root);
  await write(context.stdout, text, signal);
  return 0;
};

function lookOf(args: readonly string[]): (path: string, inode: Inode) => string {
  const since = args[args.indexOf('-newerct') + 1];
  if (args.includes('-newerct') && since !== undefined) return changedSince(since);
  if (!args.includes('%i %p\\0')) return line;
  return (path, inode) => (inode.kind === 'directory' ? `${inode.number} ${path}\0` : '');
}

/** `since`: as `-newerct` has it, `@<seconds>` with milliseconds. */
function changedSince(since: string): (path: string, inode: Inode) => string {
  const sinceNanoseconds = BigInt(Math.round(Number(since.slice(1)) * 1000)) * 1_000_000n;
  return (path, inode) => {
    const isMarkerFolder = path === MARKER_FOLDER && inode.kind === 'directory';
    return !isMarkerFolder && nanosecondsOf(inode.changed) > sinceNanoseconds ? `${path}\0` : '';
  };
}

const TYPES = { file: 'f', directory: 'd', symlink: 'l' } as const;

function line(path: string, inode: Inode): string {
  const isMarkerFolder = path === MARKER_FOLDER && inode.kind === 'directory';
  const names = inode.kind === 'file' ? inode.links : 1;
  const links = inode.kind === 'directory' ? '' : ` ${names}`;
  const change = isMarkerFolder ? '0 0' : `${seconds(nanosecondsOf(inode.changed))} ${inode.number}${links}`;
  const modified = isMarkerFolder ? '0' : seconds(BigInt(Math.round(inode.modifiedMs * 1_000_000)));
  const size = sizeOf(inode);
  const what = `${TYPES[inode.kind]} ${inode.mode.toString(8)} ${inode.uid} ${inode.gid} ${size} ${modified} ${path}`;
  return `${change}\t${what}\0${inode.kind === 'symlink' ? inode.target : ''}\0`;
}

/** As `%T@` prints times. */
function seconds(nanoseconds: bigint): string {
  const digits = nanoseconds.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}0`;
}

async function fail({ cwd, stderr, signal }: ProgramContext): Promise<number> {
  await write(stderr, `find: '${cwd}': No such file or directory\n`, signal);
  return 1;
}

/** Folders have none here; that of a link is the length of its target. */
function sizeOf(inode: Inode): number {
  if (inode.kind === 'file') return inode.content.length;
  return inode.kind === 'symlink' ? Buffer.byteLength(inode.target) : 0;
}
