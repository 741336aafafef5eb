import { join } from 'node:path';
import type { FileStat } from '../../files.js';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { COMPRESSED_MAGIC, END, encodeMember, type Member, readMembers } from './tar-format.js';
import { write } from './write.js';

/**
 * GNU tar as far as our content code uses it: packs a folder to its output, unpacks its input into one, and says
 * what it did in the words of `--quoting-style=c --verbose --totals`. Times are not kept.
 */
export const tar: SimulatedProgram = async (context) => {
  const folder = argumentOf(context.args, '--directory=') ?? context.cwd;
  try {
    if (context.args.includes('--create')) return await pack(context, folder);
    if (context.args.includes('--extract')) return await unpack(context, folder);
    throw new Error('You must specify one of the main options');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    await complain(context, `tar: ${problem}\ntar: Error is not recoverable: exiting now`);
    return 2;
  }
};

async function pack(context: ProgramContext, folder: string): Promise<number> {
  const { files, stdout, signal } = context;
  const excluded = new Set(context.args.flatMap((arg) => argumentOf([arg], '--exclude=') ?? []));
  let sizeBytes = 0;
  let code = 0;
  const emit = async (bytes: Uint8Array | string) => {
    sizeBytes += Buffer.byteLength(bytes);
    await write(stdout, bytes, signal);
  };
  const visit = async (name: string) => {
    if (excluded.has(name)) return;
    const path = join(folder, name);
    const stat = await files.stat(path);
    if (stat === undefined) {
      await complain(context, `tar: ${quoted(name)}: File removed before we read it`);
      code = 1;
      return;
    }
    await complain(context, quoted(stat.kind === 'directory' ? `${name}/` : name));
    await emit(encodeMember(await memberOf(context, name, path, stat)));
    if (stat.kind === 'file') {
      const { data, missing } = await dataOf(context, path, stat.sizeBytes);
      if (missing > 0) {
        await complain(context, `tar: ${quoted(name)}: File shrank by ${missing} bytes; padding with zeros`);
        code = 1;
      }
      await emit(data);
      if (await isChanged(context, path, stat)) {
        await complain(context, `tar: ${quoted(name)}: file changed as we read it`);
        code = 1;
      }
    }
    if (stat.kind !== 'directory') return;
    for (const entry of await files.list(path)) await visit(`${name}/${entry.name}`);
  };
  await emit(COMPRESSED_MAGIC);
  await visit('.');
  await emit(encodeMember(END));
  await complain(context, `Total bytes written: ${sizeBytes} (${sizeBytes}B, 1MiB/s)`);
  return code;
}

async function memberOf(
  context: ProgramContext,
  name: string,
  path: string,
  stat: FileStat,
): Promise<Member> {
  const { mode, uid, gid } = stat;
  const entry = { name, mode, uid, gid, sizeBytes: 0, target: '' };
  switch (stat.kind) {
    case 'file':
      return { ...entry, kind: 'file', sizeBytes: stat.sizeBytes };
    case 'symlink':
      return { ...entry, kind: 'symlink', target: await context.files.readlink(path) };
    case 'directory':
      return { ...entry, kind: 'directory' };
    case 'other':
      throw new Error(`${quoted(name)}: Unknown file type; file ignored`);
  }
}

/** As many bytes as the file had when it was looked up, whatever has become of it. */
async function dataOf(context: ProgramContext, path: string, sizeBytes: number) {
  const found = await context.files.read(path, Number.MAX_SAFE_INTEGER);
  const missing = Math.max(0, sizeBytes - found.length);
  return { data: Buffer.concat([found.subarray(0, sizeBytes), Buffer.alloc(missing)]), missing };
}

async function isChanged(context: ProgramContext, path: string, before: FileStat): Promise<boolean> {
  const after = await context.files.stat(path);
  return (
    after?.inode !== before.inode ||
    after.modifiedMs !== before.modifiedMs ||
    after.sizeBytes !== before.sizeBytes
  );
}

async function unpack(context: ProgramContext, folder: string): Promise<number> {
  const { files, signal } = context;
  const isOwnerKept = context.args.includes('--same-owner');
  for await (const { member, data } of readMembers(context.stdin)) {
    signal.throwIfAborted();
    const path = join(folder, member.name);
    if (member.kind === 'symlink') await files.symlink(member.target, path);
    if (member.kind === 'directory') await files.makeDirectory(path, member.mode);
    if (member.kind === 'file') await files.write(path, data, { mode: member.mode, exclusive: true });
    if (member.kind !== 'symlink') await files.chmod(path, member.mode);
    if (isOwnerKept) await files.chown(path, member.uid, member.gid);
  }
  return 0;
}

async function complain(context: ProgramContext, line: string): Promise<void> {
  await write(context.stderr, `${line}\n`, context.signal);
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

function argumentOf(args: readonly string[], option: string): string | undefined {
  return args.find((arg) => arg.startsWith(option))?.slice(option.length);
}
