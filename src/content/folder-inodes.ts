import { FOLDER_INODES_MAX } from './bounds.js';

/** Inodes of folders by their paths (`.` or `./…`, as bytes), in decimal. Those beyond the bound are not kept. */
export class FolderInodes {
  /** A character for each byte of a path. */
  readonly #inodes = new Map<string, string>();
  readonly #all = new Set<string>();

  take(path: Buffer, inode: string): void {
    // find shows none of the folder whose times are nobody's business.
    if (inode === '0' || this.#inodes.size >= FOLDER_INODES_MAX) return;
    this.#inodes.set(path.toString('latin1'), inode);
    this.#all.add(inode);
  }

  /** Whether a folder may have this inode, wherever it is. */
  mayHave(inode: string): boolean {
    return this.#all.has(inode) || this.#inodes.size >= FOLDER_INODES_MAX;
  }

  /** undefined when it is not known here. */
  of(path: Buffer): string | undefined {
    return this.#inodes.get(path.toString('latin1'));
  }
}
