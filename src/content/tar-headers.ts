import { StewardError } from '../errors/steward-error.js';
import { PAX_KEY_BYTES_MAX, PAX_VALUE_BYTES_MAX, TAR_BLOCK_BYTES } from './bounds.js';

/** What an archive says of one entry. Names are bytes, one to a character. */
export interface TarHeader {
  /** Folders end with a slash. */
  readonly name: string;
  /** The entry that a further name of a file is for; absent for all else. */
  readonly linkTo?: string;
  /** Its extended attributes and ACLs in one form for the same ones; empty when it has none. */
  readonly attributes: string;
}

/** Asks for the next bytes. */
type Wanting<Result> = Generator<undefined, Result, Buffer>;

type Records = ReadonlyMap<string, string>;

/**
 * Reads the headers of a tar stream in pax format, in whatever pieces it comes, and lets the rest pass. Fails with
 * `archive-damaged` for what is no such stream.
 */
export class TarHeaders {
  readonly #onHeader: (header: TarHeader) => void;
  readonly #reading: Wanting<void>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onHeader: (header: TarHeader) => void) {
    this.#onHeader = onHeader;
    this.#reading = this.#read();
    this.#reading.next();
  }

  take(chunk: Buffer): void {
    this.#reading.next(chunk);
  }

  /** Up to the end of the archive; what follows is padding. */
  *#read(): Wanting<void> {
    let records: Records = new Map();
    for (;;) {
      const block = yield* this.#bytes(TAR_BLOCK_BYTES);
      if (block[0] === 0) return;
      if (block.toString('latin1', 257, 262) !== 'ustar') throw damaged('has something else than a header');
      const type = block.toString('latin1', 156, 157);
      const sizeBytes = sizeOf(block, records, type);
      if (type === 'x') {
        records = yield* this.#records(sizeBytes);
        yield* this.#skip(padding(sizeBytes));
        continue;
      }
      if (type !== 'g') this.#onHeader(headerOf(block, records, type));
      records = new Map();
      yield* this.#skip(sizeBytes + padding(sizeBytes));
    }
  }

  /** Those of interest; the list of what a folder holds is one of the others, and may be long. */
  *#records(sizeBytes: number): Wanting<Records> {
    const found = new Map<string, string>();
    for (let left = sizeBytes; left > 0; ) {
      const digits = yield* this.#until(BLANK);
      const key = yield* this.#until(EQUALS);
      const length = Number(digits.slice(0, -1));
      const valueBytes = length - digits.length - key.length - 1;
      if (!Number.isInteger(length) || length > left || valueBytes < 0) throw damaged('has a broken record');
      const name = key.slice(0, -1);
      if (NAMES.has(name) || COMPARED.test(name)) {
        if (valueBytes > PAX_VALUE_BYTES_MAX) throw damaged(`has ${valueBytes} bytes of ${name}`);
        found.set(name, (yield* this.#bytes(valueBytes)).toString('latin1'));
      } else {
        yield* this.#skip(valueBytes);
      }
      yield* this.#skip(1);
      left -= length;
    }
    return found;
  }

  /** With the separator. */
  *#until(separator: number): Wanting<string> {
    let text = '';
    for (;;) {
      while (this.#rest.length === 0) this.#rest = yield undefined;
      const end = this.#rest.indexOf(separator) + 1;
      text += this.#cut(end > 0 ? end : this.#rest.length).toString('latin1');
      if (text.length > PAX_KEY_BYTES_MAX) throw damaged('has a record without a name');
      if (end > 0) return text;
    }
  }

  *#bytes(count: number): Wanting<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = count; left > 0; ) {
      while (this.#rest.length === 0) this.#rest = yield undefined;
      const piece = this.#cut(left);
      pieces.push(piece);
      left -= piece.length;
    }
    const [only = Buffer.alloc(0)] = pieces;
    return pieces.length < 2 ? only : Buffer.concat(pieces);
  }

  *#skip(count: number): Wanting<void> {
    for (let left = count; left > 0; ) {
      while (this.#rest.length === 0) this.#rest = yield undefined;
      left -= this.#cut(left).length;
    }
  }

  /** At most so much of what is there. */
  #cut(count: number): Buffer {
    const piece = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}

const BLANK = 0x20;
const EQUALS = 0x3d;
const SPARSE_NAME = 'GNU.sparse.name';
const NAMES: ReadonlySet<string> = new Set(['path', 'linkpath', 'size', SPARSE_NAME]);
/** Of the others, some are not archived, and the rest are labels that each machine gives as it likes. */
const COMPARED = /^SCHILY\.(acl\.(access|default)$|xattr\.(user\.|security\.capability$))/;

function headerOf(block: Buffer, records: Records, type: string): TarHeader {
  const name = records.get(SPARSE_NAME) ?? records.get('path') ?? text(block, 0, 100);
  const attributes = [...records]
    .filter(([key]) => COMPARED.test(key))
    .map(([key, value]) => `${key}=${value.length}:${value}`)
    .sort()
    .join('');
  if (type !== HARD_LINK) return { name, attributes };
  return { name, attributes, linkTo: records.get('linkpath') ?? text(block, 157, 100) };
}

const HARD_LINK = '1';

/** Bytes that follow the header: of the header itself, unless they are too many for it. */
function sizeOf(block: Buffer, records: Records, type: string): number {
  if (type === HARD_LINK) return 0;
  const sizeBytes = Number(records.get('size') ?? Number.parseInt(text(block, 124, 12), 8));
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) return sizeBytes;
  throw damaged('has an entry without a size');
}

function text(block: Buffer, from: number, length: number): string {
  const field = block.toString('latin1', from, from + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

function padding(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

function damaged(problem: string): StewardError {
  return new StewardError('archive-damaged', `the archive ${problem}`);
}
