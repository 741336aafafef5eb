import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import type { ProcessExit } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { LONG_WRITE_BYTES_MIN, SURVEY_RECORD_BYTES_MAX } from './bounds.js';
import type { Exclude } from './exclude.js';
import type { FolderInodes } from './folder-inodes.js';
import { recordsOf, Tail } from './lines.js';
import type { Tree } from './manifest.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import { surveyArguments, untouchedArguments } from './tar-arguments.js';

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
  /** Over those and the change times and inodes: the same means that nothing was touched. */
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

/**
 * Walks the folder with one `find`. Fails with `backup-failed` when a part of it cannot be looked at. `inodes` gets
 * those of the folders that were seen.
 */
export async function surveyFolder(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  signal: AbortSignal,
  inodes?: FolderInodes,
): Promise<Survey> {
  const surveyor = new Surveyor(inodes);
  const { exit, complaint } = await look(world, folder, surveyArguments(excludes), signal, (stdout) =>
    surveyor.read(stdout),
  );
  const survey = surveyor.finish();
  if (exit.kind === 'code' && exit.code === 0 && survey.entries > 0) return survey;
  const why = complaint || `find ${describeExit(exit)}`;
  throw (
    notStarted('find', exit) ??
    new StewardError('backup-failed', `the content could not be looked at completely: ${why}`)
  );
}

/**
 * Whether the folder still is as the survey says, when nothing in it was touched from `sinceMs` on, the survey
 * included. Much cheaper than another survey, and over as soon as it finds a change; false when in doubt.
 */
export async function isAsSurveyed(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  { survey, sinceMs }: { readonly survey: Survey; readonly sinceMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  if (!survey.hasFractions) return false;
  let untouched = 0;
  const { exit } = await look(
    world,
    folder,
    untouchedArguments(excludes, sinceMs),
    signal,
    async (stdout) => {
      for await (const chunk of stdout) untouched += (chunk as Buffer).length;
    },
  );
  return exit.kind === 'code' && exit.code === 0 && untouched === survey.entries;
}

async function look(
  world: World,
  folder: string,
  args: readonly string[],
  signal: AbortSignal,
  read: (stdout: Readable) => Promise<void>,
): Promise<{ readonly exit: ProcessExit; readonly complaint: string }> {
  const find = world.processes.start({
    program: 'find',
    args,
    env: PROGRAM_ENVIRONMENT,
    cwd: folder,
    signal,
  });
  const complaint = new Tail();
  const listening = (async () => {
    for await (const line of recordsOf(find.stderr)) complaint.add(line);
  })();
  try {
    await read(find.stdout);
    await listening;
  } catch (error) {
    find.kill('SIGKILL');
    await find.exit;
    signal.throwIfAborted();
    throw error;
  }
  const exit = await find.exit;
  signal.throwIfAborted();
  return { exit, complaint: complaint.toString() };
}

/** What a manifest says of it. `isExact`: whether the archives hold just this. */
export function treeOf({ entries, bytes, treeDigest }: Survey, isExact: boolean): Tree {
  return { entries, bytes, digest: treeDigest, isExact };
}

const TAB = 0x09;
const BLANK = 0x20;

/** Takes in the output of `surveyArguments`. */
class Surveyor {
  readonly #tree = new UnorderedDigest();
  readonly #state = new UnorderedDigest();
  #entries = 0;
  #folders = 0;
  #bytes = 0;
  #changedAt = 0;
  #largeChangedAt = 0;
  #hasLinkedFiles = false;
  #hasFractions = false;
  readonly #inodes: FolderInodes | undefined;

  constructor(inodes: FolderInodes | undefined) {
    this.#inodes = inodes;
  }

  async read(stream: Readable): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
      const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (;;) {
        const path = bytes.indexOf(0, from);
        const end = path < 0 ? -1 : bytes.indexOf(0, path + 1);
        if (end < 0) break;
        this.#take(bytes.subarray(from, end));
        from = end + 1;
      }
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
      stateDigest: this.#state.finish(),
      changedAtMs: this.#changedAt * 1000,
      largeChangedAtMs: this.#largeChangedAt * 1000,
      hasLinkedFiles: this.#hasLinkedFiles,
      hasFractions: this.#hasFractions,
    };
  }

  #take(record: Buffer): void {
    const tab = record.indexOf(TAB);
    if (tab < 0) throw garbled();
    const tree = record.subarray(tab + 1);
    this.#entries += 1;
    this.#tree.add(tree);
    this.#state.add(record);
    const blank = record.indexOf(BLANK);
    const changed = record.toString('latin1', 0, blank);
    this.#changedAt = Math.max(this.#changedAt, Number(changed));
    this.#hasFractions ||= /\.0*[1-9]/.test(changed);
    if (tree[0] === FOLDER) {
      this.#folders += 1;
      this.#inodes?.take(pathIn(tree), record.toString('latin1', blank + 1, tab));
    }
    if (tree[0] !== FILE) return;
    this.#takeFile(sizeIn(tree), Number(changed));
    this.#hasLinkedFiles ||= !record.subarray(0, tab).toString('latin1').endsWith(' 1');
  }

  #takeFile(sizeBytes: number, changedAt: number): void {
    this.#bytes += sizeBytes;
    if (sizeBytes < LONG_WRITE_BYTES_MIN) return;
    this.#largeChangedAt = Math.max(this.#largeChangedAt, changedAt);
  }
}

const FILE = 'f'.charCodeAt(0);
const FOLDER = 'd'.charCodeAt(0);

/** The fifth field. */
function sizeIn(record: Buffer): number {
  const from = fieldIn(record, 4);
  return Number(record.toString('latin1', from, record.indexOf(BLANK, from)));
}

/** The last field, before the target of a link. */
function pathIn(record: Buffer): Buffer {
  return record.subarray(fieldIn(record, 6), record.indexOf(0));
}

function fieldIn(record: Buffer, index: number): number {
  let from = 0;
  for (let field = 0; field < index; field += 1) from = record.indexOf(BLANK, from) + 1;
  return from;
}

function garbled(): StewardError {
  return new StewardError('backup-failed', 'the content could not be looked at: find said something else');
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
