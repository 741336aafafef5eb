import { join } from 'node:path';
import type { Files } from '../gateways/files.js';
import { HISTORY_LINE_BYTES, SEGMENT_BYTES } from './bounds.js';
import { fromLine, type JournalEntry } from './journal-line.js';

/** One file of the history: it holds entries from `first` on, up to the next segment's first. */
export interface Segment {
  readonly first: number;
  readonly path: string;
  sizeBytes: number;
}

/** The segments in a folder, oldest first. */
export async function findSegments(files: Files, folder: string): Promise<Segment[]> {
  const found: Segment[] = [];
  for (const { name } of await files.list(folder)) {
    const [, first] = /^(\d{16})\.history$/.exec(name) ?? [];
    if (first === undefined) continue;
    const path = join(folder, name);
    const stat = await files.stat(path);
    if (stat !== undefined) found.push({ first: Number(first), path, sizeBytes: stat.sizeBytes });
  }
  return found.sort((a, b) => a.first - b.first);
}

export function segmentPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(16, '0')}.history`);
}

export interface SegmentContent<Entry> {
  readonly entries: readonly Entry[];
  /** Lines that do not match their check, apart from a last one without an end. */
  readonly damagedLines: number;
  /** The last line has no end: the program was killed while it was written. */
  readonly isTorn: boolean;
}

/** The entries of a segment, in order; with `mentions` only of lines that hold this text. */
export async function readSegment<Entry extends JournalEntry>(
  files: Files,
  segment: Segment,
  mentions = '',
): Promise<SegmentContent<Entry>> {
  const text = (await files.read(segment.path, SEGMENT_BYTES + HISTORY_LINE_BYTES)).toString('utf8');
  const lines = text.split('\n');
  const isTorn = lines.pop() !== '';
  const entries: Entry[] = [];
  let damagedLines = 0;
  for (const line of lines) {
    if (!line.includes(mentions)) continue;
    const entry = fromLine<Entry>(line);
    if (entry === undefined) damagedLines += 1;
    else entries.push(entry);
  }
  return { entries, damagedLines, isTorn };
}
