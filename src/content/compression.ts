import { Transform, type TransformCallback } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { StewardError } from '../errors/steward-error.js';
import type { Compression } from './archive.js';

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
export function decompressor(compression: Compression): Transform | undefined {
  switch (compression) {
    case 'zstd':
      return unzstd();
    case 'gzip':
      return createGunzip();
    case 'none':
      return undefined;
  }
}

/** Slower than the zstd program by far: for machines that have none. */
function unzstd(): Transform {
  let pushed: Buffer[] = [];
  const decoder = new Decompress((chunk) => pushed.push(Buffer.from(chunk)));
  const decode = (input: Uint8Array, isLast: boolean, done: TransformCallback, out: Transform) => {
    try {
      decoder.push(input, isLast);
    } catch (error) {
      done(new StewardError('archive-damaged', 'the zstd stream is damaged or cut off', { cause: error }));
      return;
    }
    for (const chunk of pushed) out.push(chunk);
    pushed = [];
    done();
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      decode(chunk, false, done, this);
    },
    flush(done) {
      decode(new Uint8Array(0), true, done, this);
    },
  });
}
