import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type Clock, sleep } from '../clock.js';
import { fileError } from '../file-error.js';
import type { BeneathOptions, DirectoryEntry, FileStat, Files, ScanRange, WriteOptions } from '../files.js';
import { SimulatedDisk, statOf } from './disk.js';
import { type FaultyOperation, type FileFaults, noFileFaults } from './file-faults.js';
import { SimulatedWriteStream, simulatedReadStream } from './file-streams.js';
import { Content, type FileInode } from './inode.js';
import { cutPower } from './power-cut.js';
import type { SeededRandom } from './random.js';

type Range = { readonly start: number; readonly end?: number };

/**
 * Files in memory that forget what was not synced. Without latency an operation takes effect inside its call;
 * permissions are kept but not enforced, as for root.
 */
export class SimulatedFiles implements Files {
  /** May be replaced at any time. */
  faults: FileFaults = noFileFaults;
  readonly disk: SimulatedDisk;
  readonly #clock: Clock;
  /** Of the process that uses this object; none for our own. */
  #life: AbortSignal | undefined;
  #isKilled = false;

  constructor(clock: Clock, disk = new SimulatedDisk(() => clock.now())) {
    this.#clock = clock;
    this.disk = disk;
  }

  /** SIGKILL: all that was written is there; who still uses this object never gets an answer again. */
  kill(): SimulatedFiles {
    this.#isKilled = true;
    return new SimulatedFiles(this.#clock, this.disk);
  }

  /** The same disk for a process that does not end with this one. */
  ofOthers(): SimulatedFiles {
    return new SimulatedFiles(this.#clock, this.disk);
  }

  /** The same disk with the same faults for a child: once `life` has aborted, it changes nothing any more. */
  ofChild(life: AbortSignal): SimulatedFiles {
    const files = new SimulatedFiles(this.#clock, this.disk);
    files.faults = { at: (operation, path) => this.faults.at(operation, path) };
    files.#life = life;
    return files;
  }

  /** A power cut: what was synced is there, and a random part of the rest. */
  crash(random: SeededRandom): SimulatedFiles {
    cutPower(this.disk.tree, random);
    return this.kill();
  }

  read(path: string, limitBytes: number): Promise<Buffer> {
    return this.#do('read', path, () => {
      const { content } = this.disk.file(path);
      if (content.length > limitBytes) throw fileError('EFBIG', 'read', path);
      return content.bytes();
    });
  }

  write(path: string, data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    return this.#do('write', path, () => {
      const file = this.disk.fileToWrite(path, options.mode, options.exclusive ?? false);
      this.disk.fill(file, Content.of(data), path);
      if (options.sync) file.synced = file.content;
    });
  }

  /** In steps, as the real one: a crash may come between them. */
  async writeBeneath(
    root: string,
    path: string,
    data: Uint8Array | string,
    { mode, folderMode, owner, temporary }: BeneathOptions,
  ): Promise<void> {
    let folder = root;
    for (const parent of path.split('/').slice(0, -1)) {
      folder = join(folder, parent);
      const found = await this.stat(folder);
      if (found !== undefined && found.kind !== 'directory') throw fileError('ENOTDIR', 'open', folder);
      if (found !== undefined) continue;
      const missing = folder;
      await this.#do('makeDirectory', missing, () => this.disk.makeFolder(missing, folderMode));
      if (owner !== undefined) await this.chown(folder, owner.uid, owner.gid);
    }
    const before = join(folder, temporary);
    await this.remove(before);
    await this.write(before, data, { mode, exclusive: true, sync: true });
    if (owner !== undefined) await this.chown(before, owner.uid, owner.gid);
    await this.rename(before, join(folder, basename(path)));
  }

  append(
    path: string,
    data: Uint8Array | string,
    options: Omit<WriteOptions, 'exclusive'> = {},
  ): Promise<void> {
    return this.#do('append', path, () => {
      const file = this.disk.fileToWrite(path, options.mode, false);
      this.disk.fill(file, file.content.with(data), path);
      if (options.sync) file.synced = file.content;
    });
  }

  openRead(path: string, range?: Range): Readable {
    const open = () => this.disk.file(path).content.bytes();
    return simulatedReadStream({
      open: () => this.#do('openRead', path, () => within(open(), range)),
      chunk: () => this.#do('readChunk', path, () => undefined),
    });
  }

  async scan(path: string, range: ScanRange, take: (piece: Buffer) => void): Promise<void> {
    for await (const piece of this.openRead(path, range)) take(piece);
  }

  openWrite(path: string, options: { readonly mode?: number } = {}): Writable {
    let file: FileInode | undefined;
    const open = () => {
      file = this.disk.fileToWrite(path, options.mode, true);
    };
    const write = (data: Buffer) => {
      if (file !== undefined) this.disk.fill(file, file.content.with(data), path);
    };
    const finish = () => {
      if (file !== undefined) file.synced = file.content;
    };
    return new SimulatedWriteStream({
      open: () => this.#do('openWrite', path, open),
      write: (data) => this.#do('writeChunk', path, () => write(data)),
      finish: () => this.#do('finish', path, finish),
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', from, () => this.disk.rename(from, to));
  }

  link(from: string, to: string): Promise<void> {
    return this.#do('link', from, () => this.disk.link(from, to));
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#do('symlink', path, () => this.disk.symlink(target, path));
  }

  readlink(path: string): Promise<string> {
    return this.#do('readlink', path, () => this.disk.readlink(path));
  }

  makeDirectory(path: string, mode = 0o755): Promise<void> {
    return this.#do('makeDirectory', path, () => this.disk.makeFolders(path, mode));
  }

  remove(path: string): Promise<void> {
    return this.#do('remove', path, () => this.disk.remove(path));
  }

  /** Under the name of a removal: for whoever looks on, it is one. */
  moveAway(from: string, to: string): Promise<void> {
    return this.#do('remove', from, () => {
      if (this.disk.find(from) !== undefined) this.disk.rename(from, to);
    });
  }

  list(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#do('list', path, () => this.disk.list(path));
  }

  async *entries(path: string): AsyncGenerator<DirectoryEntry> {
    yield* await this.list(path);
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#do('stat', path, () => {
      const found = this.disk.find(path);
      return found && statOf(found.inode);
    });
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#do('chmod', path, () => {
      this.disk.setMode(this.disk.existing(path, 'chmod'), mode);
    });
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.#do('chown', path, () => {
      const inode = this.disk.find(path)?.inode;
      if (inode === undefined) throw fileError('ENOENT', 'lchown', path);
      this.disk.setOwner(inode, uid, gid);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#do('syncDirectory', path, () => this.disk.tree.syncFolder(this.disk.folder(path, 'open')));
  }

  /** Everything below the folder is on disk, as after sync(1). */
  syncTree(path: string): Promise<void> {
    return this.#do('syncDirectory', path, () => this.disk.tree.syncBelow(this.disk.folder(path, 'open')));
  }

  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#do('space', path, () => {
      this.disk.existing(path, 'statfs');
      const { totalBytes, tree } = this.disk;
      return { freeBytes: Math.max(0, totalBytes - tree.usedBytes), totalBytes };
    });
  }

  get #isDead(): boolean {
    return this.#isKilled || this.#life?.aborted === true;
  }

  async #do<T>(operation: FaultyOperation, path: string, work: () => T): Promise<T> {
    if (this.#isDead) return never();
    const fault = this.faults.at(operation, path);
    if (fault?.latencyMs !== undefined) await sleep(this.#clock, fault.latencyMs);
    if (this.#isDead || fault?.isEndless) return never();
    const failure = fault?.code === undefined ? undefined : fileError(fault.code, operation, path);
    if (failure !== undefined && !fault?.isDoneAnyway) throw failure;
    const result = work();
    if (failure !== undefined) throw failure;
    return result;
  }
}

function within(bytes: Buffer, range: Range | undefined): Buffer {
  return bytes.subarray(range?.start ?? 0, range?.end === undefined ? undefined : range.end + 1);
}

/** What the dead hear, and who asks a disk that does not answer. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
