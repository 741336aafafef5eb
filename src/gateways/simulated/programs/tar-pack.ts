import { join } from 'node:path';
import { errorCode } from '../../file-error.js';
import type { FileStat } from '../../files.js';
import { statOf } from '../disk.js';
import type { FileInode, FolderInode, Inode } from '../inode.js';
import type { ProgramContext } from '../program.js';
import { optionOf, optionsOf } from './arguments.js';
import { COMPRESSED_MAGIC, END, encodeMember, type Member } from './tar-format.js';
import { Listing } from './tar-listing.js';
import { write } from './write.js';

/** Packs a folder; answers with tar's exit code. */
export async function pack(context: ProgramContext, folder: string): Promise<number> {
  const path = optionOf(context.args, '--listed-incremental');
  const startedMs = context.clock.now();
  const listing = path === undefined ? undefined : await Listing.read(context.files, path);
  const code = await new Packer(context, folder, listing).run();
  if (path !== undefined) await listing?.write(context.files, path, startedMs);
  return code;
}

class Packer {
  readonly #context: ProgramContext;
  readonly #folder: string;
  readonly #listing: Listing | undefined;
  readonly #excluded: ReadonlySet<string>;
  /** What goes to /dev/null is not even read. */
  readonly #isForNobody: boolean;
  /** Of a file for the names: what goes into it at the end. */
  #names = '';
  #sizeBytes = 0;
  #code = 0;

  constructor(context: ProgramContext, folder: string, listing: Listing | undefined) {
    this.#context = context;
    this.#folder = folder;
    this.#listing = listing;
    this.#excluded = new Set(optionsOf(context.args, '--exclude'));
    this.#isForNobody = optionOf(context.args, '--file') === '/dev/null';
  }

  async run(): Promise<number> {
    await this.#emit(COMPRESSED_MAGIC);
    const root = this.#context.files.disk.find(this.#folder)?.inode;
    if (root?.kind !== 'directory')
      throw new Error(`${this.#folder}: Cannot open: No such file or directory`);
    await this.#visitFolder('.', root);
    await this.#emit(encodeMember(END));
    const index = optionOf(this.#context.args, '--index-file');
    if (index !== undefined) await this.#context.files.write(index, this.#names);
    if (this.#context.args.includes('--totals')) {
      await this.#say(`Total bytes written: ${this.#sizeBytes} (${this.#sizeBytes}B, 1MiB/s)`);
    }
    return this.#code;
  }

  async #visitFolder(name: string, folder: FolderInode): Promise<void> {
    const entries = await this.#context.files.list(join(this.#folder, name));
    const inside = entries.filter((entry) => !this.#excluded.has(`${name}/${entry.name}`));
    const names = inside.map((entry) => `${entry.kind === 'directory' ? 'D' : 'Y'}${entry.name}`);
    const isNew = this.#listing?.enter(name, folder, names).isNew ?? true;
    await this.#tell(`${name}/`);
    await this.#emit(encodeMember({ ...memberOf(name, folder), ...(this.#listing && { names }) }));
    for (const entry of inside) {
      const path = `${name}/${entry.name}`;
      const inode = this.#context.files.disk.find(join(this.#folder, path))?.inode;
      if (inode === undefined) await this.#warnOfRemoved(path);
      else if (inode.kind === 'directory') await this.#visitFolder(path, inode);
      else if (isNew || this.#isDue(name, entry.name, inode)) await this.#visitFile(path, inode);
    }
  }

  #isDue(folder: string, name: string, inode: Inode): boolean {
    return this.#listing?.hasChanged(folder, `Y${name}`, inode) ?? true;
  }

  async #visitFile(name: string, inode: Inode): Promise<void> {
    const header = encodeMember(memberOf(name, inode));
    if (inode.kind === 'file' && !this.#isForNobody) return this.#visitBytes(name, inode, header);
    await this.#tell(name);
    await this.#emit(header);
  }

  async #visitBytes(name: string, inode: FileInode, header: string): Promise<void> {
    const path = join(this.#folder, name);
    const before = statOf(inode);
    const found = await this.#open(path);
    if (found === undefined) return this.#warnOfRemoved(name);
    await this.#tell(name);
    await this.#emit(header);
    // As many bytes as the file had when it was looked up, whatever has become of it.
    const missing = Math.max(0, before.sizeBytes - found.length);
    if (missing > 0) await this.#warn(`${quoted(name)}: File shrank by ${missing} bytes; padding with zeros`);
    await this.#emit(Buffer.concat([found.subarray(0, before.sizeBytes), Buffer.alloc(missing)]));
    if (isChanged(before, await this.#context.files.stat(path)))
      await this.#warn(`${quoted(name)}: file changed as we read it`);
  }

  /** undefined: it went after it was looked up. One that goes later is read to its end, as what is open is. */
  async #open(path: string): Promise<Buffer | undefined> {
    try {
      return await this.#context.files.read(path, Number.MAX_SAFE_INTEGER);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #warnOfRemoved(name: string): Promise<void> {
    return this.#warn(`${quoted(name)}: File removed before we read it`);
  }

  async #emit(bytes: Uint8Array | string): Promise<void> {
    if (this.#isForNobody) return;
    this.#sizeBytes += Buffer.byteLength(bytes);
    await write(this.#context.stdout, bytes, this.#context.signal);
  }

  async #tell(name: string): Promise<void> {
    const { args } = this.#context;
    if (optionOf(args, '--index-file') !== undefined) this.#names += `${quoted(name)}\n`;
    else if (args.includes('--verbose')) await this.#say(quoted(name));
  }

  async #warn(problem: string): Promise<void> {
    this.#code = 1;
    await this.#say(`tar: ${problem}`);
  }

  async #say(line: string): Promise<void> {
    await write(this.#context.stderr, `${line}\n`, this.#context.signal);
  }
}

function memberOf(name: string, inode: Inode): Member {
  const { mode, uid, gid, modifiedMs } = inode;
  const entry = { name, mode, uid, gid, modifiedMs, sizeBytes: 0, target: '' };
  switch (inode.kind) {
    case 'file':
      return { ...entry, kind: 'file', sizeBytes: inode.content.length };
    case 'symlink':
      return { ...entry, kind: 'symlink', target: inode.target };
    case 'directory':
      return { ...entry, kind: 'directory' };
  }
}

function isChanged(before: FileStat, after: FileStat | undefined): boolean {
  return (
    after?.inode !== before.inode ||
    after.modifiedMs !== before.modifiedMs ||
    after.sizeBytes !== before.sizeBytes
  );
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
