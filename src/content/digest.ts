import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** Size and SHA-256 of a sequence of bytes. */
export interface Digest {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Counts and digests bytes as they pass. */
export class Meter {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  take(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Of everything so far; nothing can be added afterwards. */
  finish(): Digest {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') };
  }
}

/** A stream that passes everything on and shows it to the meter. */
export function metered(meter: Meter, onBytes: (sizeBytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      meter.take(chunk);
      onBytes(meter.sizeBytes);
      done(null, chunk);
    },
  });
}

export function isSameDigest(one: Digest, other: Digest): boolean {
  return one.sizeBytes === other.sizeBytes && one.sha256 === other.sha256;
}
