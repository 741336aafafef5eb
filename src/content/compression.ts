import { Duplex } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { StewardError } from '../errors/steward-error.js';
import type { Compression } from './archive.js';
import { UNZSTD_STEP_BYTES } from './bounds.js';

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const USTAR_MAGIC = Buffer.from('ustar');
const USTAR_OFFSET = 257;

/** How an archive is compressed, by its first bytes; undefined when they begin no archive we know. */
export function compressionOf(start: Buffer): Compression | undefined {
  if (start.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC)) return 'zstd';
  if (start.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return 'gzip';
  if (start.subarray(USTAR_OFFSET, USTAR_OFFSET + USTAR_MAGIC.length).equals(USTAR_MAGIC)) return 'none';
  // An archive of nothing is zeros from its first byte.
  if (start.length > 0 && start.every((byte) => byte === 0)) return 'none';
  return undefined;
}

/** A stream from compressed to plain bytes, in this process; undefined when there is nothing to undo. */
export function decompressor(compression: Compression): Duplex | undefined {
  switch (compression) {
    case 'zstd':
      return unzstd();
    case 'gzip':
      return createGunzip();
    case 'none':
      return undefined;
  }
}

/**
 * Slower than the zstd program by far: for machines that have none. Four bytes may stand for 128 KiB, so little is
 * taken at a time, and the next only when somebody wants more.
 */
function unzstd(): Duplex {
  return Duplex.from(async function* (source: AsyncIterable<Buffer>) {
    let plain: Uint8Array[] = [];
    const decoder = new Decompress((chunk) => plain.push(Buffer.from(chunk)));
    const decode = (input: Uint8Array, isLast: boolean) => {
      plain = [];
      try {
        decoder.push(input, isLast);
      } catch (error) {
        throw new StewardError('archive-damaged', 'the zstd stream is damaged or cut off', { cause: error });
      }
      return plain;
    };
    for await (const chunk of source) {
      for (let from = 0; from < chunk.length; from += UNZSTD_STEP_BYTES) {
        yield* decode(chunk.subarray(from, from + UNZSTD_STEP_BYTES), false);
      }
    }
    yield* decode(new Uint8Array(0), true);
  });
}
