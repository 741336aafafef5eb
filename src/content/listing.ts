import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Files } from '../gateways/files.js';
import { LISTING_START_BYTES } from './bounds.js';
import { type Digest, isSameDigest, Meter } from './digest.js';

/** How a listing is to be used once more. */
export interface ListingUse {
  readonly expected: Digest;
  /** What changed since then, in milliseconds since the epoch, goes into the next increment. */
  readonly sinceMs: number;
  /** The inode of a folder of the listing (`.` or `./…`), in decimal, as it is now; undefined when it is gone. */
  readonly inodeOf: (folder: Buffer) => string | undefined | Promise<string | undefined>;
  /** Told the inode, in decimal, of each folder that is not where it was. */
  readonly onGone?: (inode: string) => void;
}

/**
 * Copies a listing of GNU tar with another time in it; tar changes the listing it works with, so it gets a copy.
 * Folders that are not where they were get inodes that nothing has: tar would take whatever has their inode now
 * for the same folder under a new name, and it may be another one that only reuses the number. A moved folder is
 * thus archived whole. False when the file is not the expected one, or no listing; then the copy means nothing.
 */
export async function copyListing(
  files: Files,
  from: string,
  to: string,
  { expected, sinceMs, inodeOf, onGone }: ListingUse,
  signal: AbortSignal,
): Promise<boolean> {
  const start = await readStart(files, from);
  const bodyAt = start === undefined ? -1 : timeEnd(start);
  if (start === undefined || bodyAt < 0) return false;
  const meter = new Meter();
  const whole = async function* () {
    yield withTime(start, sinceMs);
    yield* records(withoutStart(metering(files.openRead(from), meter), bodyAt), inodeOf, onGone);
  };
  const copy = files.openWrite(to, { mode: 0o600 });
  await pipeline(Readable.from(whole(), { objectMode: false }), copy, { signal });
  return isSameDigest(meter.finish(), expected);
}

/** Size and SHA-256 of a listing as tar left it; undefined when tar left none. */
export async function digestListing(
  files: Files,
  path: string,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const start = await readStart(files, path);
  if (start === undefined || timeEnd(start) < 0) return undefined;
  const meter = new Meter();
  for await (const chunk of files.openRead(path)) {
    signal.throwIfAborted();
    meter.take(chunk);
  }
  return meter.finish();
}

async function readStart(files: Files, path: string): Promise<Buffer | undefined> {
  if ((await files.stat(path))?.kind !== 'file') return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of files.openRead(path, { start: 0, end: LISTING_START_BYTES - 1 })) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `GNU tar-<version>-2\n<seconds>\0<nanoseconds>\0`: where that ends; -1 for anything else. */
function timeEnd(start: Buffer): number {
  const [head] = /^GNU tar-[^\n]*-2\n\d+\0\d+\0/.exec(start.toString('latin1')) ?? [];
  return head?.length ?? -1;
}

function withTime(start: Buffer, sinceMs: number): Buffer {
  const seconds = Math.floor(sinceMs / 1000);
  const nanoseconds = Math.floor((sinceMs - seconds * 1000) * 1_000_000);
  const format = start.subarray(0, start.indexOf('\n') + 1);
  return Buffer.concat([format, Buffer.from(`${seconds}\0${nanoseconds}\0`)]);
}

async function* metering(stream: Readable, meter: Meter): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    meter.take(chunk);
    yield chunk;
  }
}

async function* withoutStart(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let skip = bytes;
  for await (const chunk of chunks) {
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}

/** Fields of a record before its names: whether on NFS, two of its time, device, inode, name. */
const HEAD_FIELDS = 6;
/** Nothing has these inodes: the first one that is given, counted down from. */
const INODE_LARGEST = 2n ** 64n - 1n;

/**
 * Records are a head, names that are NUL-terminated, a NUL, and a NUL. Names pass as they come, so a folder of a
 * million files takes no more memory than one.
 */
async function* records(
  chunks: AsyncIterable<Buffer>,
  inodeOf: ListingUse['inodeOf'],
  onGone: ListingUse['onGone'],
): AsyncGenerator<Buffer> {
  let nobody = INODE_LARGEST;
  const checked = (head: Buffer) => {
    const inode = inodeOf(head.subarray(head.lastIndexOf(0, -2) + 1, -1));
    return inode instanceof Promise ? inode.then((found) => current(head, found)) : current(head, inode);
  };
  const current = (head: Buffer, inode: string | undefined) => {
    const fields = head.toString('latin1').split('\0');
    if (inode === fields[4]) return head;
    onGone?.(fields[4] ?? '');
    const before = Buffer.from(`${fields.slice(0, 4).join('\0')}\0${nobody}\0`, 'latin1');
    nobody -= 1n;
    return Buffer.concat([before, head.subarray(head.lastIndexOf(0, -2) + 1)]);
  };
  const splitter = new RecordSplitter();
  for await (const chunk of chunks) {
    const pieces = splitter.split(chunk).map(({ kind, bytes }) => (kind === 'head' ? checked(bytes) : bytes));
    yield Buffer.concat(await Promise.all(pieces));
  }
  if (!splitter.isBetweenRecords) throw new Error('the listing ends within a record');
}

interface Piece {
  readonly kind: 'head' | 'names';
  readonly bytes: Buffer;
}

class RecordSplitter {
  #state: 'head' | 'names' | 'close' = 'head';
  #isAtName = true;
  #rest: Buffer = Buffer.alloc(0);

  get isBetweenRecords(): boolean {
    return this.#state === 'head' && this.#rest.length === 0;
  }

  split(chunk: Buffer): Piece[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    const pieces: Piece[] = [];
    for (let from = 0; from < bytes.length; ) {
      const kind = this.#state === 'head' ? 'head' : 'names';
      const end = this.#take(bytes, from);
      if (end < 0) {
        this.#rest = bytes.subarray(from);
        break;
      }
      pieces.push({ kind, bytes: bytes.subarray(from, end) });
      from = end;
    }
    return pieces;
  }

  /** Where what begins at `from` ends; -1 when a head does not end in here. */
  #take(bytes: Buffer, from: number): number {
    switch (this.#state) {
      case 'head': {
        const end = headEnd(bytes, from);
        if (end >= 0) this.#state = 'names';
        return end;
      }
      case 'names':
        return this.#takeNames(bytes, from);
      case 'close':
        if (bytes[from] !== 0) throw new Error('the listing has a record that does not end');
        this.#state = 'head';
        return from + 1;
    }
  }

  #takeNames(bytes: Buffer, from: number): number {
    let at = from;
    while (this.#state === 'names' && at < bytes.length) {
      const end = bytes.indexOf(0, at);
      if (end === at && this.#isAtName) this.#state = 'close';
      this.#isAtName = end >= 0;
      at = end < 0 ? bytes.length : end + 1;
    }
    return at;
  }
}

function headEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (let field = 0; field < HEAD_FIELDS; field += 1) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return -1;
    at = end + 1;
  }
  return at;
}
