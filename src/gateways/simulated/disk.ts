import { fileError } from '../file-error.js';
import type { DirectoryEntry, FileStat } from '../files.js';
import { DISK_BYTES } from './bounds.js';
import { FileTree, type Place } from './file-tree.js';
import {
  type ChangeTime,
  Content,
  type FileInode,
  type FolderInode,
  type Inode,
  type NameChange,
} from './inode.js';

type Found = Place & { readonly inode: Inode };

/** A disk in memory: every operation at once and whole, failing with the codes Linux gives. */
export class SimulatedDisk {
  readonly tree: FileTree;
  totalBytes: number = DISK_BYTES;
  readonly #now: () => number;
  #usedAtMost = 0;
  #lastChange: ChangeTime = { ms: 0, nth: 0 };

  constructor(now: () => number) {
    this.#now = now;
    this.tree = new FileTree(now());
  }

  file(path: string): FileInode {
    const { inode } = existing(this.tree.target(path, 'open'), 'open', path);
    if (inode.kind === 'directory') throw fileError('EISDIR', 'read', path);
    if (inode.kind !== 'file') throw fileError('EINVAL', 'open', path);
    return inode;
  }

  folder(path: string, syscall: string): FolderInode {
    const { inode } = existing(this.tree.target(path, syscall), syscall, path);
    if (inode.kind !== 'directory') throw fileError('ENOTDIR', syscall, path);
    return inode;
  }

  /** The file of that name, made when there is none; with `exclusive` there must be none, nor a link. */
  fileToWrite(path: string, mode: number | undefined, exclusive: boolean): FileInode {
    const place = exclusive ? this.tree.place(path, 'open') : this.tree.target(path, 'open');
    if (place.inode === undefined) {
      const file = this.tree.makeFile(this.#now(), mode ?? 0o644);
      this.#bind(place, file, 'open', path);
      return file;
    }
    if (exclusive) throw fileError('EEXIST', 'open', path);
    if (place.inode.kind !== 'file') throw fileError('EISDIR', 'open', path);
    if (mode !== undefined) this.setMode(place.inode, mode);
    return place.inode;
  }

  /** As much as there is room for is written when there is not enough. */
  fill(file: FileInode, content: Content, path: string): void {
    const growth = content.length - file.content.length;
    const isTooMuch = growth > 0 && !this.#hasRoom(growth);
    const room = file.content.length + this.totalBytes - (isTooMuch ? this.tree.usedBytes : 0);
    file.content = isTooMuch ? new Content([content.bytes().subarray(0, Math.max(room, 0))]) : content;
    file.modifiedMs = this.#now();
    this.touch(file);
    if (isTooMuch) throw fileError('ENOSPC', 'write', path);
  }

  /** Counting the whole disk for each write would be slow, so it is done when an upper bound is reached. */
  #hasRoom(growth: number): boolean {
    this.#usedAtMost += growth;
    if (this.#usedAtMost <= this.totalBytes) return true;
    this.#usedAtMost = this.tree.usedBytes + growth;
    return this.#usedAtMost <= this.totalBytes;
  }

  setMode(inode: Inode, mode: number): void {
    inode.mode = mode;
    this.touch(inode);
  }

  setOwner(inode: Inode, uid: number, gid: number): void {
    Object.assign(inode, { uid, gid });
    this.touch(inode);
  }

  setModified(inode: Inode, modifiedMs: number): void {
    inode.modifiedMs = modifiedMs;
    this.touch(inode);
  }

  /** The inode has changed in some way. */
  touch(inode: Inode): void {
    const ms = this.#now();
    this.#lastChange = { ms, nth: ms === this.#lastChange.ms ? this.#lastChange.nth + 1 : 0 };
    inode.changed = this.#lastChange;
  }

  rename(from: string, to: string): void {
    const source = existing(this.tree.place(from, 'rename'), 'rename', from);
    const target = this.tree.place(to, 'rename');
    if (target.inode === source.inode) return;
    if (target.inode?.kind === 'directory') {
      if (source.inode.kind !== 'directory') throw fileError('EISDIR', 'rename', to);
      if (target.inode.entries.size > 0) throw fileError('ENOTEMPTY', 'rename', to);
    } else if (target.inode !== undefined && source.inode.kind === 'directory') {
      throw fileError('ENOTDIR', 'rename', to);
    }
    if (isWithin(source.inode, target.folder)) throw fileError('EINVAL', 'rename', from);
    this.#change([
      { folder: source.folder, name: source.name, inode: undefined },
      { folder: target.folder, name: target.name, inode: source.inode },
    ]);
  }

  link(from: string, to: string): void {
    const { inode } = existing(this.tree.place(from, 'link'), 'link', from);
    this.#bind(this.tree.place(to, 'link'), inode, 'link', to);
  }

  symlink(target: string, path: string): void {
    this.#bind(this.tree.place(path, 'symlink'), this.tree.makeLink(this.#now(), target), 'symlink', path);
  }

  readlink(path: string): string {
    const { inode } = existing(this.tree.place(path, 'readlink'), 'readlink', path);
    if (inode.kind !== 'symlink') throw fileError('EINVAL', 'readlink', path);
    return inode.target;
  }

  /** One that may be there already, in a folder that must be. */
  makeFolder(path: string, mode: number): void {
    const place = this.tree.target(path, 'mkdir');
    if (place.inode?.kind === 'directory') return;
    this.#bind(place, this.tree.makeFolder(this.#now(), mode), 'mkdir', path);
  }

  makeFolders(path: string, mode: number): void {
    const parts = path.split('/').filter((part) => part !== '');
    for (const [index] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const place = this.tree.target(`/${parts.slice(0, index + 1).join('/')}`, 'mkdir');
      if (place.inode?.kind === 'directory') continue;
      if (place.inode !== undefined) throw fileError(isLast ? 'EEXIST' : 'ENOTDIR', 'mkdir', path);
      this.#bind(place, this.tree.makeFolder(this.#now(), isLast ? mode : 0o755), 'mkdir', path);
    }
  }

  remove(path: string): void {
    const place = this.find(path);
    if (place === undefined) return;
    if (place.inode.kind === 'directory') this.#empty(place.inode);
    this.#change([{ folder: place.folder, name: place.name, inode: undefined }]);
  }

  list(path: string): DirectoryEntry[] {
    const entries = [...this.folder(path, 'scandir').entries];
    return entries.map(([name, { kind }]) => ({ name, kind }));
  }

  /** What bears the name itself; undefined when nothing does. */
  find(path: string): Found | undefined {
    try {
      return existing(this.tree.place(path, 'lstat'), 'lstat', path);
    } catch {
      return undefined;
    }
  }

  existing(path: string, syscall: string): Inode {
    return existing(this.tree.target(path, syscall), syscall, path).inode;
  }

  #change(change: NameChange): void {
    for (const { folder, name, inode } of change) {
      const before = folder.entries.get(name);
      folder.modifiedMs = this.#now();
      for (const touched of [folder, before, inode]) if (touched !== undefined) this.touch(touched);
    }
    this.tree.change(change);
  }

  #bind(place: Place, inode: Inode, syscall: string, path: string): void {
    if (place.inode !== undefined) throw fileError('EEXIST', syscall, path);
    this.#change([{ folder: place.folder, name: place.name, inode }]);
  }

  #empty(folder: FolderInode): void {
    for (const [name, inode] of [...folder.entries]) {
      if (inode.kind === 'directory') this.#empty(inode);
      this.#change([{ folder, name, inode: undefined }]);
    }
  }
}

export function statOf(inode: Inode): FileStat {
  return {
    kind: inode.kind,
    sizeBytes: inode.kind === 'file' ? inode.content.length : 0,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    inode: inode.number,
    links: inode.kind === 'file' ? inode.links : 1,
    modifiedMs: inode.modifiedMs,
  };
}

function existing(place: Place, syscall: string, path: string): Found {
  if (place.inode === undefined) throw fileError('ENOENT', syscall, path);
  return { ...place, inode: place.inode };
}

function isWithin(outer: Inode, inner: FolderInode): boolean {
  if (outer === inner) return true;
  if (outer.kind !== 'directory') return false;
  return [...outer.entries.values()].some((inode) => isWithin(inode, inner));
}
