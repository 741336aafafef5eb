import type { World } from '../gateways/world.js';
import { FOLDER_INODES_MAX, SURVEY_RECORD_BYTES_MAX } from './bounds.js';
import type { Exclude } from './exclude.js';
import { find, incomplete, requireWhole } from './find.js';
import { foldersArguments } from './find-arguments.js';

/** Inodes of folders by their paths (`.` or `./…`, as bytes), in decimal. Those beyond the bound are not kept. */
export class FolderInodes {
  /** A character for each byte of a path. */
  readonly #inodes = new Map<string, string>();
  readonly #all = new Set<string>();

  take(path: Buffer, inode: string): void {
    if (this.#inodes.size >= FOLDER_INODES_MAX) return;
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

/** Walks the folders only, which costs a fraction of a survey. Fails with `backup-failed` when one cannot be seen. */
export async function folderInodes(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  signal: AbortSignal,
): Promise<FolderInodes> {
  const inodes = new FolderInodes();
  const found = await find(world, folder, foldersArguments(excludes), signal, async (stdout) => {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stdout) {
      const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = takeRecords(bytes, inodes);
    }
    if (rest.length > 0) throw incomplete('find ended within a name');
  });
  if (!found.missesOnlyVanished) requireWhole(found);
  return inodes;
}

/** Answers with what is no whole record yet. */
function takeRecords(bytes: Buffer, inodes: FolderInodes): Buffer {
  let from = 0;
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, from)) {
    const blank = bytes.indexOf(BLANK, from);
    if (blank < 0 || blank > end) throw incomplete('find said something else');
    inodes.take(bytes.subarray(blank + 1, end), bytes.toString('latin1', from, blank));
    from = end + 1;
  }
  if (bytes.length - from > SURVEY_RECORD_BYTES_MAX) throw incomplete('find said something else');
  return bytes.subarray(from);
}

const BLANK = 0x20;
