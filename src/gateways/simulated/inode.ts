/** Bytes of a file as a list of pieces that are never changed, so that keeping an old state costs nothing. */
export class Content {
  static readonly empty = new Content([]);
  readonly pieces: readonly Buffer[];
  readonly length: number;

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces;
    this.length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  static of(data: Uint8Array | string): Content {
    return new Content([Buffer.from(data)]);
  }

  with(data: Uint8Array | string): Content {
    return new Content([...this.pieces, Buffer.from(data)]);
  }

  bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

interface InodeBase {
  readonly number: bigint;
  mode: number;
  uid: number;
  gid: number;
  modifiedMs: number;
  /** Of the inode itself, as the kernel keeps it: nobody can set it. */
  changed: ChangeTime;
}

/** Wall-clock milliseconds, and the how-many-th change within them: no two changes have the same. */
export interface ChangeTime {
  readonly ms: number;
  readonly nth: number;
}

export interface FileInode extends InodeBase {
  readonly kind: 'file';
  content: Content;
  /** What the disk has for certain. */
  synced: Content;
  links: number;
}

export interface LinkInode extends InodeBase {
  readonly kind: 'symlink';
  readonly target: string;
}

export interface FolderInode extends InodeBase {
  readonly kind: 'directory';
  readonly entries: Map<string, Inode>;
  /** The names the disk has for certain. */
  readonly synced: Map<string, Inode>;
}

export type Inode = FileInode | LinkInode | FolderInode;

/** One change of names that is on disk as a whole or not at all; undefined: the name goes. */
export type NameChange = readonly {
  readonly folder: FolderInode;
  readonly name: string;
  readonly inode: Inode | undefined;
}[];
