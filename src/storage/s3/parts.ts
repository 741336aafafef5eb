import type { Readable } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import { PART_SIZES } from './bounds.js';

/** Bytes of the part of this number, from 1; undefined beyond the last one that the protocol knows. */
export function partSize(number: number): number | undefined {
  return PART_SIZES.find(({ upToPart }) => number <= upToPart)?.bytes;
}

export interface Part {
  readonly number: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/**
 * Cuts a stream into parts. `take` gives the memory for each one and waits until there is some; whoever uses the
 * part gives it back. There is at least one part; only the last may be short.
 */
export async function* partsOf(
  body: Readable,
  take: (bytes: number) => Promise<Buffer>,
): AsyncGenerator<Part> {
  const chunks = body[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  for (let number = 1; ; number += 1) {
    const size = partSize(number);
    if (size === undefined) {
      throw new StewardError('storage-refused', 'The archive is larger than one object can be.');
    }
    const memory = await take(size);
    let filled = 0;
    for (;;) {
      const copied = rest.copy(memory, filled);
      filled += copied;
      rest = rest.subarray(copied);
      // A full part waits for the next byte, so that the last one is known as such.
      if (rest.length > 0) break;
      const next = await chunks.next();
      if (next.done) {
        yield { number, bytes: memory.subarray(0, filled), isLast: true };
        return;
      }
      rest = typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    }
    yield { number, bytes: memory.subarray(0, filled), isLast: false };
  }
}
