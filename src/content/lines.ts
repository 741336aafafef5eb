import type { Readable } from 'node:stream';
import { MESSAGE_LINE_BYTES, MESSAGE_TAIL_LINE_CHARACTERS, MESSAGE_TAIL_LINES_MAX } from './bounds.js';

/**
 * Records of a program's output as they come, without their separator (a newline, unless told). What is longer
 * than `limitBytes` arrives cut. Holds one record at a time.
 */
export async function* recordsOf(
  stream: Readable,
  separator = 0x0a,
  limitBytes = MESSAGE_LINE_BYTES,
): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  let isCutting = false;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(separator); end >= 0; end = chunk.indexOf(separator, from)) {
      const head = isCutting ? rest : Buffer.concat([rest, chunk.subarray(from, end)]);
      yield head.subarray(0, limitBytes).toString('utf8');
      rest = Buffer.alloc(0);
      isCutting = false;
      from = end + 1;
    }
    if (isCutting || from === chunk.length) continue;
    rest = Buffer.concat([rest, chunk.subarray(from)]).subarray(0, limitBytes);
    isCutting = rest.length === limitBytes;
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

/** The last lines of something, each cut, for the message of an error. */
export class Tail {
  readonly #lines: string[] = [];

  add(line: string): void {
    const text = line.trim().slice(0, MESSAGE_TAIL_LINE_CHARACTERS);
    if (text === '') return;
    this.#lines.push(text);
    if (this.#lines.length > MESSAGE_TAIL_LINES_MAX) this.#lines.shift();
  }

  /** One line for people; empty when nothing was said. */
  toString(): string {
    return this.#lines.join('; ');
  }
}
