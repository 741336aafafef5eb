import { errorCode } from '../../file-error.js';
import type { SimulatedFiles } from '../files.js';
import type { ChangeTime, FolderInode, Inode } from '../inode.js';

type Folders = Record<string, { readonly inode: string; readonly names: readonly string[] }>;

const FIRST_LINE = 'GNU tar-1.34-2';
const NANOSECONDS_PER_MS = 1_000_000;

/**
 * The file of `--listed-incremental`: when it was written, and what each folder held then, in the format of GNU
 * tar, without times and devices of folders.
 */
export class Listing {
  /** Nanoseconds since the epoch; undefined: everything is new. */
  readonly #since: bigint | undefined;
  readonly #before: Folders;
  readonly #now: Folders = {};

  private constructor(since: bigint | undefined, before: Folders) {
    this.#since = since;
    this.#before = before;
  }

  /** An absent or empty file knows nothing. Throws what tar says of one that is neither. */
  static async read(files: SimulatedFiles, path: string): Promise<Listing> {
    const text = await files.read(path, Number.MAX_SAFE_INTEGER).then(
      (bytes) => bytes.toString('utf8'),
      (error: unknown) => {
        if (errorCode(error) === 'ENOENT') return '';
        throw error;
      },
    );
    if (text === '') return new Listing(undefined, {});
    const lineEnd = text.indexOf('\n');
    const [seconds, nanoseconds, ...rest] = text.slice(lineEnd + 1).split('\0');
    const folders = foldersIn(rest);
    if (text.slice(0, lineEnd) !== FIRST_LINE || folders === undefined) {
      throw new Error(`${path}: Unexpected field value in snapshot file`);
    }
    return new Listing(BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(nanoseconds ?? 0), folders);
  }

  /** As what a folder held is found: whether it was looked at before, under this name. */
  enter(path: string, folder: FolderInode, names: readonly string[]): { readonly isNew: boolean } {
    const inode = String(folder.number);
    const isNew = this.#before[path]?.inode !== inode;
    this.#now[path] = { inode, names: [...names] };
    return { isNew };
  }

  /** Whether an entry of a known folder belongs into the increment. */
  hasChanged(folder: string, marked: string, inode: Inode): boolean {
    if (this.#since === undefined || !(this.#before[folder]?.names.includes(marked) ?? false)) return true;
    const modified = BigInt(Math.round(inode.modifiedMs * NANOSECONDS_PER_MS));
    return nanosecondsOf(inode.changed) >= this.#since || modified >= this.#since;
  }

  /** `startedMs`: when the run began; what changes later is for the next one. Nothing is synced. */
  async write(files: SimulatedFiles, path: string, startedMs: number): Promise<void> {
    const seconds = Math.floor(startedMs / 1000);
    const nanoseconds = (startedMs - seconds * 1000) * NANOSECONDS_PER_MS;
    await files.write(path, `${FIRST_LINE}\n${seconds}\0${nanoseconds}\0${recordsOf(this.#now)}`);
  }
}

export function nanosecondsOf({ ms, nth }: ChangeTime): bigint {
  return BigInt(ms) * BigInt(NANOSECONDS_PER_MS) + BigInt(nth);
}

function recordsOf(folders: Folders): string {
  return Object.entries(folders)
    .map(([path, { inode, names }]) => ['0', '0', '0', '0', inode, path, ...names, '', '', ''].join('\0'))
    .join('');
}

/** undefined when it is none of ours. */
function foldersIn(fields: readonly string[]): Folders | undefined {
  const folders: Folders = {};
  for (let at = 0; at < fields.length - 1; ) {
    const end = fields.indexOf('', at + 6);
    const [inode, path] = fields.slice(at + 4, at + 6);
    if (end < 0 || inode === undefined || path === undefined || fields[end + 1] !== '') return undefined;
    folders[path] = { inode, names: fields.slice(at + 6, end) };
    at = end + 2;
  }
  return folders;
}
