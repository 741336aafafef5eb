import { MESSAGE_LINE_BYTES, REPORT_NAMES_MAX } from './bounds.js';
import { Tail } from './lines.js';

/** What an archive holds, and what was not quite as it should be while it was made. */
export interface ArchiveReport {
  /** Names in the archive, folders included. */
  readonly entries: number;
  /** Those that are no folders. */
  readonly files: number;
  /** Bytes of the tar stream before compression. */
  readonly contentBytes: number;
  /** Shorter when read than when they were looked up: their end is filled with zeros. */
  readonly torn: NamedEntries;
  /** Written to while they were read: what is stored is what the reads returned. */
  readonly changed: NamedEntries;
  /** Removed between being listed and being read; not in the archive. */
  readonly vanished: NamedEntries;
  /** Sockets, which no archive can hold. */
  readonly sockets: NamedEntries;
  /** Folders that tar took for others under a new name, so that it left out what is in them. */
  readonly renamed: NamedEntries;
}

/** How many entries, and the first of them by name. */
export interface NamedEntries {
  readonly count: number;
  readonly names: string[];
}

/**
 * Reads the messages of GNU tar, run with `LC_ALL=C --quoting-style=c --verbose --totals`: names come quoted, so
 * no file name can pass for a message.
 */
export class TarMessages {
  #entries = 0;
  #files = 0;
  #contentBytes: number | undefined;
  readonly #torn = new Names();
  readonly #changed = new Names();
  readonly #vanished = new Names();
  readonly #sockets = new Names();
  readonly #renamed = new Names();
  readonly #others = new Tail();
  #hasOthers = false;
  #cut: Buffer = Buffer.alloc(0);

  /** A piece of what it says, as it comes; most of it is names, of which there may be millions. */
  takeChunk(chunk: Buffer): void {
    const bytes = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, from)) {
      if (bytes[from] === QUOTE) this.#count(bytes[end - 2] === SLASH);
      else this.take(bytes.toString('utf8', from, end));
      from = end + 1;
    }
    this.#cut = bytes.subarray(from, from + MESSAGE_LINE_BYTES);
  }

  /** After the last piece. */
  finish(): void {
    if (this.#cut.length > 0) this.take(this.#cut.toString('utf8'));
    this.#cut = Buffer.alloc(0);
  }

  take(line: string): void {
    if (line.startsWith('"')) {
      this.#count(line.endsWith('/"'));
      return;
    }
    const total = /^Total bytes (?:written|read): (\d+)/.exec(line)?.[1];
    if (total !== undefined) {
      this.#contentBytes = Number(total);
      return;
    }
    const [, quoted, said] = /^[^"]*tar: ("(?:[^"\\]|\\.)*"): (.*)$/.exec(line) ?? [];
    if (quoted === undefined || said === undefined || !this.#file(unquote(quoted), said)) {
      this.#others.add(line);
      this.#hasOthers ||= !line.endsWith('tar: Exiting with failure status due to previous errors');
    }
  }

  report(): ArchiveReport {
    return {
      entries: this.#entries,
      files: this.#files,
      contentBytes: this.#contentBytes ?? 0,
      torn: this.#torn.list(),
      changed: this.#changed.list(),
      vanished: this.#vanished.list(),
      sockets: this.#sockets.list(),
      renamed: this.#renamed.list(),
    };
  }

  /** Bytes of the whole tar stream, written or read; undefined before tar has told its totals at its end. */
  get totalBytes(): number | undefined {
    return this.#contentBytes;
  }

  /** Whether tar, or the zstd beside it, could not have the memory it asked for. */
  get lacksMemory(): boolean {
    return this.#others.lacksMemory;
  }

  /** Whether a disk of theirs was full. */
  get lacksRoom(): boolean {
    return this.#others.lacksRoom;
  }

  /** Whether tar had nothing to complain about but that something went away while it looked, of which folders make it fail. */
  get missesOnlyVanished(): boolean {
    return this.#vanished.count > 0 && !this.#hasOthers;
  }

  /** The last messages of no known kind: why it failed, if it did. */
  complaint(): string {
    return this.#others.toString();
  }

  #count(isFolder: boolean): void {
    this.#entries += 1;
    if (!isFolder) this.#files += 1;
  }

  #file(name: string, said: string): boolean {
    if (/^File shrank by \d+ bytes?; padding with zeros$/.test(said)) this.#torn.add(name);
    else if (said === 'file changed as we read it') this.#changed.add(name);
    // Without the root there is nothing to archive.
    else if (VANISHED.test(said) && name !== '' && name !== '.') this.#vanished.add(name);
    else if (said === 'socket ignored') this.#sockets.add(name);
    else if (said.startsWith('Directory has been renamed from ')) this.#renamed.add(name);
    // Another folder has its name by now: all that is in it is archived.
    else return said === 'Directory has been renamed';
    return true;
  }
}

/**
 * A file between being listed and being read; a folder between being listed, asked for its attributes (`Warning: Cannot
 * file_has_acl_at`, although tar fails for it) and looked into, or when something else has its name by then.
 */
const VANISHED =
  /^(?:File removed before we read it|(?:Warning: )?Cannot \w+: (?:No such file or|Not a) directory)$/;

const LINE_END = 0x0a;
const QUOTE = 0x22;
const SLASH = 0x2f;

class Names {
  #count = 0;
  readonly #names: string[] = [];

  add(name: string): void {
    this.#count += 1;
    if (this.#names.length < REPORT_NAMES_MAX) this.#names.push(name);
  }

  get count(): number {
    return this.#count;
  }

  list(): NamedEntries {
    return { count: this.#count, names: [...this.#names] };
  }
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** A name as C quotes it, as text. */
function unquote(quoted: string): string {
  return unquoted(quoted).toString('utf8').replace(/^\.\//, '');
}

/** The bytes of a name as C quotes it, octal ones included. */
export function unquoted(quoted: string): Buffer {
  const bytes: number[] = [];
  for (const [, octal, escaped, plain] of quoted.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (escaped !== undefined) bytes.push(ESCAPES[escaped] ?? escaped.charCodeAt(0));
    else if (plain !== undefined) bytes.push(...Buffer.from(plain));
  }
  return Buffer.from(bytes);
}
