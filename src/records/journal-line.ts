import { createHash } from 'node:crypto';

/** What the history is about: one step of one instance. */
export interface JournalEntry {
  readonly sequence: number;
  readonly at: number;
  readonly instance: string;
}

/** A line is the first 16 hex digits of its JSON's SHA-256, a blank, and the JSON. */
const CHECK_LENGTH = 16;

export function toLine(entry: JournalEntry): string {
  const json = JSON.stringify(entry);
  return `${check(json)} ${json}\n`;
}

/** undefined for a torn or damaged line. The entry has the shape it was written with: the check says so. */
export function fromLine<Entry extends JournalEntry>(line: string): Entry | undefined {
  const json = line.slice(CHECK_LENGTH + 1);
  if (line.slice(0, CHECK_LENGTH) !== check(json)) return undefined;
  return JSON.parse(json);
}

function check(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, CHECK_LENGTH);
}
