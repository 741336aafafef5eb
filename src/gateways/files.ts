import type { Readable, Writable } from 'node:stream';

/**
 * The file system. Failures are Node's own errors (`code` ENOENT, ENOSPC, EACCES …) from the real and the
 * simulated twin alike. What is not synced may be gone after a crash: data until `sync`, names until
 * `syncDirectory` of the folder that holds them.
 */
export interface Files {
  /** The whole file; fails with EFBIG when it is larger than `limitBytes`. For small files only. */
  read(path: string, limitBytes: number): Promise<Buffer>;
  /** Creates or replaces; with `exclusive` fails with EEXIST instead; with `sync` the data is on disk on return. */
  write(path: string, data: Uint8Array | string, options?: WriteOptions): Promise<void>;
  /**
   * Puts a file below `root`, in a folder that others can write to at the same time: whatever is made of the
   * names on the way, no link is followed and nothing is written outside. Makes missing folders; the file appears
   * by a rename, its data on disk. Fails with ENOTDIR when something else is where a folder should be.
   */
  writeBeneath(root: string, path: string, data: Uint8Array | string, options: BeneathOptions): Promise<void>;
  /** Adds to the end, creating the file if needed. */
  append(path: string, data: Uint8Array | string, options?: Omit<WriteOptions, 'exclusive'>): Promise<void>;
  /** Bytes `start` to `end` inclusive, as streams in Node count them; the whole file without a range. */
  openRead(path: string, range?: { readonly start: number; readonly end?: number }): Readable;
  /**
   * Goes over bytes `start` to `end` inclusive, as far as they are there. A piece is good until `take` returns: the
   * next one comes into its place, so that a large file leaves no garbage.
   */
  scan(path: string, range: ScanRange, take: (piece: Buffer) => void): Promise<void>;
  /** A stream into a new file (EEXIST when there is one). Its `finish` means the data is on disk. */
  openWrite(path: string, options?: { readonly mode?: number }): Writable;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; EEXIST when `to` exists. */
  link(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  /** Creates the folder and its missing parents; an existing folder is fine. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /**
   * Removes a file, link or whole tree; a missing path is fine. Never follows links. A tree in which something is
   * mounted is left alone: EBUSY with the path of the mount.
   */
  remove(path: string): Promise<void>;
  /**
   * Takes a file, link or whole tree from its place to where it is removed later, in a folder on the same file system;
   * a missing one is fine. What `remove` leaves alone stays in its place: EBUSY.
   */
  moveAway(from: string, to: string): Promise<void>;
  list(path: string): Promise<readonly DirectoryEntry[]>;
  /** The same one after another, for folders that others may have filled with any number of names. */
  entries(path: string): AsyncIterable<DirectoryEntry>;
  /** The entry itself, links not followed; undefined when nothing is there. */
  stat(path: string): Promise<FileStat | undefined>;
  chmod(path: string, mode: number): Promise<void>;
  /** Changes the entry itself, links not followed. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Makes renames, creations and removals inside the folder last. */
  syncDirectory(path: string): Promise<void>;
  /** Free and total bytes of the file system that holds `path`, as an ordinary user sees them. */
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}

export interface ScanRange {
  readonly start: number;
  readonly end: number;
}

export interface WriteOptions {
  readonly mode?: number;
  readonly exclusive?: boolean;
  readonly sync?: boolean;
}

export interface BeneathOptions {
  readonly mode: number;
  readonly folderMode: number;
  /** Who gets what is made; absent: as whom we run. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Name of the file before the rename, in the same folder; what has it is removed. */
  readonly temporary: string;
}

export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

export interface FileStat {
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Permission bits, set-id bits included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly links: number;
  readonly modifiedMs: number;
}
