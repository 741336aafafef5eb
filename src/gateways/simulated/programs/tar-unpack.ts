import { join } from 'node:path';
import type { ProgramContext } from '../program.js';
import { type Member, readMembers } from './tar-format.js';
import { write } from './write.js';

/** Unpacks into a folder; an increment also removes what its folders did not hold any more. */
export async function unpack(context: ProgramContext, folder: string): Promise<number> {
  const { args, signal } = context;
  const isIncrement = args.includes('--listed-incremental=/dev/null');
  const folders: Member[] = [];
  let sizeBytes = 0;
  const counted = countBytes(context.stdin, (bytes) => {
    sizeBytes += bytes;
  });
  for await (const { member, data } of readMembers(counted)) {
    signal.throwIfAborted();
    const path = join(folder, member.name);
    if (isIncrement) await makeWay(context, path, member);
    if (member.kind === 'directory') {
      await context.files.makeDirectory(path, member.mode);
      folders.push(member);
    } else await place(context, path, member, data, isIncrement);
  }
  // As with --delay-directory-restore: what comes later changes the times of folders.
  for (const member of folders.reverse()) await dress(context, join(folder, member.name), member);
  await write(context.stderr, `Total bytes read: ${sizeBytes} (${sizeBytes}B, 1MiB/s)\n`, signal);
  return 0;
}

async function* countBytes(input: AsyncIterable<Buffer>, count: (bytes: number) => void) {
  for await (const chunk of input) {
    count(chunk.length);
    yield chunk;
  }
}

async function place(
  context: ProgramContext,
  path: string,
  member: Member,
  data: Buffer,
  isIncrement: boolean,
): Promise<void> {
  const { files } = context;
  if (isIncrement) await files.remove(path);
  if (member.kind === 'symlink') await files.symlink(member.target, path);
  if (member.kind === 'file') await files.write(path, data, { mode: member.mode, exclusive: true });
  await dress(context, path, member);
}

/** Owner, mode and time. */
async function dress({ files, args }: ProgramContext, path: string, member: Member): Promise<void> {
  if (args.includes('--same-owner')) await files.chown(path, member.uid, member.gid);
  if (member.kind !== 'symlink') await files.chmod(path, member.mode);
  const inode = files.disk.find(path)?.inode;
  if (inode !== undefined) files.disk.setModified(inode, member.modifiedMs);
}

/** What the folder held no more when the increment was made, or held as something else. */
async function makeWay({ files }: ProgramContext, path: string, member: Member): Promise<void> {
  if (member.kind !== 'directory' || member.names === undefined) return;
  if ((await files.stat(path))?.kind !== 'directory') return;
  const kept = new Set(member.names);
  for (const { name, kind } of await files.list(path)) {
    if (!kept.has(`${kind === 'directory' ? 'D' : 'Y'}${name}`)) await files.remove(join(path, name));
  }
}
