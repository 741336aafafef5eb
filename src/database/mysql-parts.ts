import { StewardError } from '../errors/steward-error.js';

/**
 * In bytes, what a server takes as one statement (`max_allowed_packet`). What is larger ends the connection before the
 * server can say why, so it must not be sent.
 */
export interface StatementLimit {
  readonly packetMax: number;
}

/** A character has three bytes at most, what is escaped two: a part stays below, with what is around its rows. */
const PARTS_OF_PACKET = 4;

/** Rows in as many parts as it takes, each of a length that makes a statement the server takes; a single row may not be. */
export function* partsOf<Row>(
  rows: readonly Row[],
  textsOf: (row: Row) => readonly (string | undefined)[],
  { packetMax }: StatementLimit,
): Generator<readonly Row[]> {
  const lengthMax = packetMax / PARTS_OF_PACKET;
  let part: Row[] = [];
  let length = 0;
  for (const row of rows) {
    const added = textsOf(row).reduce((sum, text) => sum + AROUND_TEXT + (text?.length ?? 0), 0);
    if (part.length > 0 && length + added > lengthMax) {
      yield part;
      part = [];
      length = 0;
    }
    part.push(row);
    length += added;
  }
  if (part.length > 0) yield part;
}

/** Quotes and a comma, or `null`. */
const AROUND_TEXT = 4;

/** The statement, if the server takes it. */
export function sendable(statement: string, { packetMax }: StatementLimit): string {
  if (statement.length * 3 < packetMax) return statement;
  const bytes = Buffer.byteLength(statement) + 1;
  if (bytes <= packetMax) return statement;
  const message = `A row takes a statement of ${bytes} bytes, and the database server at most ${packetMax} (max_allowed_packet).`;
  throw new StewardError('internal', message);
}
