import type { Readable } from 'node:stream';
import { MESSAGE_LINE_BYTES, MESSAGE_TAIL_LINE_CHARACTERS, MESSAGE_TAIL_LINES_MAX } from './bounds.js';
import { saysNoMemory, saysNoRoom } from './program.js';

/**
 * Records of a program's output as they come, without their separator (a newline, unless told; any of several).
 * What is longer than `limitBytes` arrives cut. Holds one record at a time.
 */
export async function* recordsOf(
  stream: Readable,
  separator: number | readonly number[] = 0x0a,
  limitBytes = MESSAGE_LINE_BYTES,
): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  let isCutting = false;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = endIn(chunk, separator, 0); end >= 0; end = endIn(chunk, separator, from)) {
      const piece = chunk.subarray(from, end);
      const head = isCutting ? rest : rest.length === 0 ? piece : Buffer.concat([rest, piece]);
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

/** Where the first record from `from` on ends; negative when it does not. */
function endIn(chunk: Buffer, separator: number | readonly number[], from: number): number {
  if (typeof separator === 'number') return chunk.indexOf(separator, from);
  const ends = separator.map((byte) => chunk.indexOf(byte, from)).filter((end) => end >= 0);
  return ends.length === 0 ? -1 : Math.min(...ends);
}

/** The last lines of something, each cut, for the message of an error. */
export class Tail {
  readonly #lines: string[] = [];
  #lacksMemory = false;
  #lacksRoom = false;

  /** Whether one of all lines, cut or gone by now, said that there was no memory to be had. */
  get lacksMemory(): boolean {
    return this.#lacksMemory;
  }

  /** Likewise, no room on a disk. */
  get lacksRoom(): boolean {
    return this.#lacksRoom;
  }

  add(line: string): void {
    this.#lacksMemory ||= saysNoMemory(line);
    this.#lacksRoom ||= saysNoRoom(line);
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
