import { dirname } from 'node:path';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { Files } from '../gateways/files.js';
import type { AlarmListener } from './alarm.js';
import { HISTORY_BYTES, HISTORY_LINE_BYTES, SEGMENT_BYTES } from './bounds.js';
import { type JournalEntry, toLine } from './journal-line.js';
import { findSegments, readSegment, type Segment, segmentPath } from './segments.js';
import { Sequences } from './sequences.js';

export interface JournalOptions {
  /** Holds the history and nothing else. */
  readonly folder: string;
  readonly onAlarm: AlarmListener;
  /** Default `HISTORY_BYTES`. */
  readonly totalBytes?: number;
  /** Default `SEGMENT_BYTES`, which is also the largest. */
  readonly segmentBytes?: number;
}

/** Where a reader is told that what it wants has been dropped. */
export type HistoryItem<Entry> =
  | { readonly kind: 'entry'; readonly entry: Entry }
  /** Entries before `oldest` were wanted and are gone. */
  | { readonly kind: 'gone'; readonly oldest: number };

/**
 * The history: entries appended to segments, each line with its own check, the oldest segments dropped when
 * all together are too large. A torn last line, as a kill leaves it, is passed over in silence.
 */
export class Journal<Entry extends JournalEntry> {
  readonly #files: Files;
  readonly #options: JournalOptions;
  readonly #sequences: Sequences;
  /** Oldest first; only the last is written to. */
  readonly #segments: Segment[];
  #isSealed = true;

  private constructor(files: Files, options: JournalOptions, segments: Segment[], sequences: Sequences) {
    this.#files = files;
    this.#options = options;
    this.#segments = segments;
    this.#sequences = sequences;
  }

  /** Finds what is there. New entries go into a new segment, so that nothing is ever added to a torn line. */
  static async open<Entry extends JournalEntry>(
    files: Files,
    options: JournalOptions,
  ): Promise<Journal<Entry>> {
    await makeDurableDirectory(files, options.folder, 0o700);
    const segments = await findSegments(files, options.folder);
    let last = segments.at(-1)?.first ?? 0;
    for (const segment of segments.slice(-2)) {
      last = Math.max(last, await lastSequence(files, segment, options.onAlarm));
    }
    return new Journal(files, options, segments, await Sequences.open(files, options.folder, last));
  }

  /** The first of `count` new consecutive sequence numbers, higher than any ever given. One caller at a time. */
  async take(count: number): Promise<number> {
    return this.#sequences.take(count);
  }

  /** The highest sequence number ever given. */
  get last(): number {
    return this.#sequences.last;
  }

  /** Adds entries, in order and with one sync; resolves when they are on disk. One caller at a time. */
  async append(entries: readonly Entry[]): Promise<void> {
    let segment: Segment | undefined;
    let lines: Buffer[] = [];
    for (const entry of entries) {
      segment ??= await this.#openSegment(entry.sequence);
      lines.push(lineOf(entry));
      if (segment.sizeBytes + sizeOf(lines) < this.#segmentBytes) continue;
      await this.#write(segment, lines);
      segment = undefined;
      lines = [];
    }
    if (segment !== undefined) await this.#write(segment, lines);
    await this.#dropOldest();
  }

  /** Everything from `sequence` on that is on disk now. */
  async *readFrom(sequence: number): AsyncGenerator<HistoryItem<Entry>> {
    const segments = [...this.#segments];
    const start = segments.findLastIndex((segment) => segment.first <= sequence);
    if (start < 0 && segments[0] !== undefined) yield { kind: 'gone', oldest: segments[0].first };
    for (const segment of segments.slice(Math.max(start, 0))) {
      const content = await this.#read(segment);
      for (const entry of content) if (entry.sequence >= sequence) yield { kind: 'entry', entry };
    }
  }

  /** The newest entries of an instance, at most `limit`, oldest first. */
  async readInstance(instance: string, limit: number): Promise<Entry[]> {
    const found: Entry[] = [];
    for (const segment of [...this.#segments].reverse()) {
      if (found.length >= limit) break;
      const content = await this.#read(segment, JSON.stringify(instance));
      found.unshift(...content.filter((entry) => entry.instance === instance).slice(-(limit - found.length)));
    }
    return found;
  }

  /** Call after the last append. */
  async close(): Promise<void> {
    await this.#sequences.close();
  }

  get #segmentBytes(): number {
    return Math.min(this.#options.segmentBytes ?? SEGMENT_BYTES, SEGMENT_BYTES);
  }

  async #openSegment(first: number): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last !== undefined && !this.#isSealed && last.sizeBytes < this.#segmentBytes) return last;
    const segment = { first, path: segmentPath(this.#options.folder, first), sizeBytes: 0 };
    await this.#files.write(segment.path, '', { mode: 0o600, exclusive: true, sync: true });
    await this.#files.syncDirectory(dirname(segment.path));
    this.#segments.push(segment);
    this.#isSealed = false;
    return segment;
  }

  /** After a failure the segment may end in half a line, so nothing is added to it any more. */
  async #write(segment: Segment, lines: readonly Buffer[]): Promise<void> {
    try {
      await this.#files.append(segment.path, Buffer.concat(lines), { sync: true });
      segment.sizeBytes += sizeOf(lines);
    } catch (error) {
      this.#isSealed = true;
      throw error;
    }
  }

  async #dropOldest(): Promise<void> {
    const limit = this.#options.totalBytes ?? HISTORY_BYTES;
    let total = this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    while (total > limit && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (oldest === undefined) return;
      total -= oldest.sizeBytes;
      await this.#files.remove(oldest.path);
    }
  }

  /** A segment dropped while somebody reads reads as empty. */
  async #read(segment: Segment, mentions?: string): Promise<readonly Entry[]> {
    const isThere = (await this.#files.stat(segment.path)) !== undefined;
    return isThere ? (await readSegment<Entry>(this.#files, segment, mentions)).entries : [];
  }
}

/** The highest sequence number in a segment; what cannot be read of it is reported and counts as none. */
async function lastSequence(files: Files, segment: Segment, onAlarm: AlarmListener): Promise<number> {
  try {
    const { entries, damagedLines } = await readSegment(files, segment);
    if (damagedLines > 0) throw new Error(`${damagedLines} lines do not match their check`);
    return entries.at(-1)?.sequence ?? 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    onAlarm({ kind: 'history-damaged', path: segment.path, reason });
    return 0;
  }
}

function lineOf(entry: JournalEntry): Buffer {
  const line = Buffer.from(toLine(entry));
  if (line.length <= HISTORY_LINE_BYTES) return line;
  throw new RangeError(`an entry of the history is longer than ${HISTORY_LINE_BYTES} bytes`);
}

function sizeOf(lines: readonly Buffer[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
