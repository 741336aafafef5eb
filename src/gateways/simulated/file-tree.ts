import { fileError } from '../file-error.js';
import { LINKS_FOLLOWED_MAX } from './bounds.js';
import { Content, type FileInode, type FolderInode, type Inode, type NameChange } from './inode.js';

/** A name in a folder, whether something bears it or not. */
export interface Place {
  readonly folder: FolderInode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/**
 * The tree of a simulated disk, with what of it is certain to survive a power cut: synced content, and names
 * whose change was synced with their folder.
 */
export class FileTree {
  readonly root: FolderInode;
  /** Changes of names that are not certain yet, oldest first. */
  readonly unsynced: NameChange[] = [];
  #numbers = 1n;

  constructor(now: number) {
    this.root = this.makeFolder(now, 0o755);
  }

  makeFile(now: number, mode: number): FileInode {
    const empty = { content: Content.empty, synced: Content.empty, links: 0 };
    return { kind: 'file', ...this.#fresh(now, mode), ...empty };
  }

  makeFolder(now: number, mode: number): FolderInode {
    return { kind: 'directory', ...this.#fresh(now, mode), entries: new Map(), synced: new Map() };
  }

  makeLink(now: number, target: string): Inode {
    return { kind: 'symlink', ...this.#fresh(now, 0o777), target };
  }

  /** Where the path leads, its last part not followed. Throws ENOENT, ENOTDIR or ELOOP as Linux does. */
  place(path: string, syscall: string, followed = 0): Place {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const trail: FolderInode[] = [this.root];
    for (const [index, part] of parts.entries()) {
      const folder = trail.at(-1) ?? this.root;
      if (part === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const inode = folder.entries.get(part);
      if (index === parts.length - 1) return { folder, name: part, inode };
      if (inode?.kind === 'symlink') {
        if (followed >= LINKS_FOLLOWED_MAX) throw fileError('ELOOP', syscall, path);
        const before = `/${parts.slice(0, index).join('/')}`;
        const start = inode.target.startsWith('/') ? inode.target : `${before}/${inode.target}`;
        return this.place(`${start}/${parts.slice(index + 1).join('/')}`, syscall, followed + 1);
      }
      if (inode === undefined) throw fileError('ENOENT', syscall, path);
      if (inode.kind !== 'directory') throw fileError('ENOTDIR', syscall, path);
      trail.push(inode);
    }
    const last = trail.at(-1) ?? this.root;
    return { folder: last, name: '.', inode: last };
  }

  /** Where the path leads, links followed to the end. */
  target(path: string, syscall: string, followed = 0): Place {
    const place = this.place(path, syscall, followed);
    if (place.inode?.kind !== 'symlink') return place;
    if (followed >= LINKS_FOLLOWED_MAX) throw fileError('ELOOP', syscall, path);
    const { target } = place.inode;
    const folder = path.slice(0, path.lastIndexOf('/'));
    return this.target(target.startsWith('/') ? target : `${folder}/${target}`, syscall, followed + 1);
  }

  /** Changes names now; on disk they are not certain until one of their folders is synced. */
  change(change: NameChange): void {
    for (const { folder, name, inode } of change) {
      const before = folder.entries.get(name);
      if (before?.kind === 'file') before.links -= 1;
      if (inode?.kind === 'file') inode.links += 1;
      setName(folder.entries, name, inode);
    }
    this.unsynced.push(change);
  }

  syncFolder(folder: FolderInode): void {
    const [due, rest]: [NameChange[], NameChange[]] = [[], []];
    for (const change of this.unsynced) {
      (change.some((part) => part.folder === folder) ? due : rest).push(change);
    }
    for (const change of due) applyToDisk(change);
    this.unsynced.splice(0, this.unsynced.length, ...rest);
  }

  syncBelow(folder: FolderInode): void {
    this.syncFolder(folder);
    for (const inode of folder.entries.values()) {
      if (inode.kind === 'file') inode.synced = inode.content;
      if (inode.kind === 'directory') this.syncBelow(inode);
    }
  }

  /** Bytes of all files that bear a name; counted when asked, simulated disks are small. */
  get usedBytes(): number {
    const files = new Set<FileInode>();
    const visit = (folder: FolderInode) => {
      for (const inode of folder.entries.values()) {
        if (inode.kind === 'file') files.add(inode);
        if (inode.kind === 'directory') visit(inode);
      }
    };
    visit(this.root);
    return [...files].reduce((sum, file) => sum + file.content.length, 0);
  }

  #fresh(now: number, mode: number) {
    this.#numbers += 1n;
    return { number: this.#numbers, mode, uid: 0, gid: 0, modifiedMs: now, changed: { ms: now, nth: 0 } };
  }
}

/** Makes a change certain. */
export function applyToDisk(change: NameChange): void {
  for (const { folder, name, inode } of change) setName(folder.synced, name, inode);
}

function setName(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}
