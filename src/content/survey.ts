import { createHash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { LONG_WRITE_BYTES_MIN, SURVEY_LOOKS_MAX, SURVEY_RECORD_BYTES_MAX } from './bounds.js';
import type { Exclude } from './exclude.js';
import { find, incomplete, requireWhole } from './find.js';
import { surveyArguments } from './find-arguments.js';
import type { Tree } from './manifest.js';

/** What a folder holds, by the metadata of its entries and in constant memory. */
export interface Survey {
  /** Files, folders and links, the root included; without sockets, our marker and what is excluded. */
  readonly entries: number;
  /** Those of them that are folders. */
  readonly folders: number;
  /** Sizes of its files together. */
  readonly bytes: number;
  /** Over type, mode, owner, size, modification time, path and link target of every entry, in no order. */
  readonly treeDigest: string;
  /** Over those and the change times, inodes and their order: the same means that nothing was touched. */
  readonly stateDigest: string;
  /** The latest change time, in milliseconds since the epoch. */
  readonly changedAtMs: number;
  /** Of files so large that a write to them takes a while; 0 when there is none. */
  readonly largeChangedAtMs: number;
  /** Whether files have further names: a folder that moves then leaves archives without what links them. */
  readonly hasLinkedFiles: boolean;
  /** Whether times have fractions of seconds here; where they have not, much happens at the same time. */
  readonly hasFractions: boolean;
}

/** Walks the folder with one `find`. Fails with `backup-failed` when a part of it cannot be looked at. */
export async function surveyFolder(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  signal: AbortSignal,
): Promise<Survey> {
  return survey(world, folder, excludes, Number.POSITIVE_INFINITY, signal);
}

/**
 * The same, unless an entry has a later change time than `sinceMs`: the first one seen ends it, and so it costs little
 * where much was changed.
 */
export async function surveyUntouched(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  sinceMs: number,
  signal: AbortSignal,
): Promise<Survey | 'touched'> {
  try {
    return await survey(world, folder, excludes, sinceMs, signal);
  } catch (error) {
    if (error instanceof Touched) return 'touched';
    throw error;
  }
}

async function survey(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  untouchedSinceMs: number,
  signal: AbortSignal,
): Promise<Survey> {
  for (let looks = 1; ; looks += 1) {
    const surveyor = new Surveyor(untouchedSinceMs);
    const found = await find(world, folder, surveyArguments(excludes), signal, (stdout) =>
      surveyor.read(stdout),
    );
    // Where a folder went it has seen more than there is and less than there was; the next look shows that it went.
    if (found.missesOnlyVanished && looks < SURVEY_LOOKS_MAX) continue;
    requireWhole(found);
    const seen = surveyor.finish();
    if (seen.entries === 0) throw incomplete(found.complaint || 'find saw nothing');
    return seen;
  }
}

/** What a manifest says of it. `isExact`: whether the archives hold just this. */
export function treeOf({ entries, bytes, treeDigest }: Survey, isExact: boolean): Tree {
  return { entries, bytes, digest: treeDigest, isExact };
}

const TAB = 0x09;
const BLANK = 0x20;
const ZERO = 0x30;
const FILE = 'f'.charCodeAt(0);
const FOLDER = 'd'.charCodeAt(0);

class Touched extends Error {}

/** Takes in the output of `surveyArguments`. There may be millions of records, so nothing is made of their fields. */
class Surveyor {
  readonly #untouchedSinceMs: number;
  readonly #tree = new UnorderedDigest();
  /** As find names them, which is the same each time where nothing was touched. */
  readonly #state = createHash('sha256');
  #entries = 0;
  #folders = 0;
  #bytes = 0;
  #changedAt = 0;
  #largeChangedAt = 0;
  #hasLinkedFiles = false;
  #hasFractions = false;

  constructor(untouchedSinceMs: number) {
    this.#untouchedSinceMs = untouchedSinceMs;
  }

  async read(stream: Readable): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
      this.#state.update(chunk);
      const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (;;) {
        const path = bytes.indexOf(0, from);
        const end = path < 0 ? -1 : bytes.indexOf(0, path + 1);
        if (end < 0) break;
        this.#take(bytes, from, end);
        from = end + 1;
      }
      if (this.#changedAt * 1000 > this.#untouchedSinceMs) throw new Touched();
      rest = bytes.subarray(from);
      if (rest.length > SURVEY_RECORD_BYTES_MAX) throw garbled();
    }
    if (rest.length > 0) throw garbled();
  }

  finish(): Survey {
    return {
      entries: this.#entries,
      folders: this.#folders,
      bytes: this.#bytes,
      treeDigest: this.#tree.finish(),
      stateDigest: this.#state.digest('hex'),
      changedAtMs: this.#changedAt * 1000,
      largeChangedAtMs: this.#largeChangedAt * 1000,
      hasLinkedFiles: this.#hasLinkedFiles,
      hasFractions: this.#hasFractions,
    };
  }

  #take(bytes: Buffer, from: number, end: number): void {
    const tab = endOf(bytes, TAB, from, end);
    this.#entries += 1;
    this.#tree.add(bytes.subarray(tab + 1, end));
    const changedAt = this.#takeTime(bytes, from, tab);
    const type = bytes[tab + 1];
    if (type === FOLDER) this.#folders += 1;
    if (type !== FILE) return;
    this.#takeFile(sizeIn(bytes, tab, end), changedAt);
    this.#hasLinkedFiles ||= bytes[tab - 1] !== ZERO + 1 || bytes[tab - 2] !== BLANK;
  }

  /** Seconds since the epoch. */
  #takeTime(bytes: Buffer, from: number, end: number): number {
    const point = endOf(bytes, BLANK, from, end);
    const whole = numberIn(bytes, from, point);
    const begin = from + digitsIn(bytes, from, point) + 1;
    const fraction = numberIn(bytes, begin, point);
    this.#hasFractions ||= fraction > 0;
    const changedAt = whole + fraction / 10 ** digitsIn(bytes, begin, point);
    if (changedAt > this.#changedAt) this.#changedAt = changedAt;
    return changedAt;
  }

  #takeFile(sizeBytes: number, changedAt: number): void {
    this.#bytes += sizeBytes;
    if (sizeBytes < LONG_WRITE_BYTES_MIN) return;
    this.#largeChangedAt = Math.max(this.#largeChangedAt, changedAt);
  }
}

/** The fifth field behind the tab. */
function sizeIn(bytes: Buffer, tab: number, end: number): number {
  let at = tab;
  for (let field = 0; field < 4; field += 1) at = endOf(bytes, BLANK, at + 1, end);
  return numberIn(bytes, at + 1, end);
}

function endOf(bytes: Buffer, separator: number, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== separator) at += 1;
  if (at === end) throw garbled();
  return at;
}

function digitsIn(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at])) at += 1;
  return at - from;
}

/** The digits at the beginning as a number, 0 without any. */
function numberIn(bytes: Buffer, from: number, end: number): number {
  let value = 0;
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (!isDigit(byte)) break;
    value = value * 10 + byte - ZERO;
  }
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function garbled(): StewardError {
  return incomplete('find said something else');
}

/** The sum of the SHA-256 of its records, modulo 2^256: the same for the same records in any order. */
class UnorderedDigest {
  readonly #words = new Float64Array(8);

  add(record: Buffer): void {
    // As a string of bytes: a buffer for each costs three times as much as the digest itself.
    const digest = hash('sha256', record, 'binary');
    for (let word = 0; word < 8; word += 1) {
      this.#words[word] = (this.#words[word] ?? 0) + wordAt(digest, word * 4);
    }
    this.#pending += 1;
    if (this.#pending === CARRY_AFTER) this.#carry();
  }

  finish(): string {
    this.#carry();
    const bytes = Buffer.alloc(32);
    for (let word = 0; word < 8; word += 1) bytes.writeUInt32LE(this.#words[word] ?? 0, word * 4);
    return bytes.toString('hex');
  }

  #pending = 0;

  /** Before a sum outgrows what a double holds exactly. */
  #carry(): void {
    let carry = 0;
    for (let word = 0; word < 8; word += 1) {
      const sum = (this.#words[word] ?? 0) + carry;
      this.#words[word] = sum % WORD;
      carry = Math.floor(sum / WORD);
    }
    this.#pending = 0;
  }
}

function wordAt(bytes: string, at: number): number {
  const low = bytes.charCodeAt(at) | (bytes.charCodeAt(at + 1) << 8) | (bytes.charCodeAt(at + 2) << 16);
  return low + bytes.charCodeAt(at + 3) * 2 ** 24;
}

const WORD = 2 ** 32;
const CARRY_AFTER = 2 ** 20;
