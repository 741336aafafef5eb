import { pipeline, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { decompressor } from '../../src/content/compression.js';

const MEGABYTE = 1024 * 1024;

test('a few bytes that stand for very many do not become memory before somebody reads them', async () => {
  const undo = decompressor('zstd');
  if (undo === undefined) throw new Error('zstd is known');
  const blocks = 8_000;
  const plain = pipeline(Readable.from([bomb(blocks)], { objectMode: false }), undo, () => undefined);
  let bytes = 0;
  let mostWaiting = 0;
  for await (const chunk of plain) {
    bytes += chunk.length;
    mostWaiting = Math.max(mostWaiting, process.memoryUsage().arrayBuffers);
    if (bytes > 32 * MEGABYTE) break;
  }
  expect(mostWaiting).toBeLessThan(200 * MEGABYTE);
});

/** A frame of zeros: each block of four bytes stands for 128 KiB (RFC 8878, 3.1.1.2). */
function bomb(blocks: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  const block = Buffer.alloc(4);
  block.writeUIntLE((128 * 1024 * 8) | (1 << 1), 0, 3);
  const last = Buffer.from(block);
  last[0] = (last[0] ?? 0) | 1;
  return Buffer.concat([header, ...Array.from({ length: blocks - 1 }, () => block), last]);
}
