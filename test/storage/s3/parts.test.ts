import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { PARALLEL_UPLOAD_MAX, UPLOAD_MEMORY_BYTES } from '../../../src/storage/s3/bounds.js';
import { PartMemory } from '../../../src/storage/s3/part-memory.js';
import { partSize, partsOf } from '../../../src/storage/s3/parts.js';

const GIB = 2 ** 30;

it('has room for well over 80 GiB in 10 000 parts, none of them below what the protocol wants', () => {
  let sum = 0;
  for (let number = 1; number <= 10_000; number += 1) {
    const bytes = partSize(number) ?? 0;
    expect(bytes).toBeGreaterThanOrEqual(5 * 2 ** 20);
    sum += bytes;
  }
  expect(sum / GIB).toBeGreaterThan(200);
  expect(partSize(10_001)).toBeUndefined();
});

it('never holds more memory at once than the bound, however large parts become', async () => {
  const memory = new PartMemory(UPLOAD_MEMORY_BYTES, PARALLEL_UPLOAD_MAX);
  const held: Buffer[] = [];
  for (let number = 1; number <= 4_000; number += 1) {
    const bytes = partSize(number) ?? 0;
    const sum = held.reduce((total, { length }) => total + length, bytes);
    if (sum > UPLOAD_MEMORY_BYTES) {
      let isGiven = false;
      const waiting = memory.take(bytes).then((buffer) => {
        isGiven = true;
        return buffer;
      });
      await Promise.resolve();
      expect(isGiven).toBe(false);
      for (const buffer of held.splice(0)) memory.giveBack(buffer);
      held.push(await waiting);
    } else held.push(await memory.take(bytes));
  }
});

it('cuts any stream into full parts and a last one, without losing a byte', async () => {
  const size = partSize(1) ?? 0;
  for (const length of [0, 1, size - 1, size, size + 1, 2 * size]) {
    const body = Buffer.alloc(length, 'steward');
    const chunks = Array.from({ length: Math.ceil(length / 100_000) }, (_, index) =>
      body.subarray(index * 100_000, (index + 1) * 100_000),
    );
    const parts: Buffer[] = [];
    const lasts: boolean[] = [];
    for await (const part of partsOf(Readable.from(chunks), async (bytes) => Buffer.alloc(bytes))) {
      parts.push(part.bytes);
      lasts.push(part.isLast);
    }
    expect(Buffer.concat(parts).equals(body), String(length)).toBe(true);
    expect(parts).toHaveLength(Math.max(1, Math.ceil(length / size)));
    expect(lasts.indexOf(true)).toBe(lasts.length - 1);
  }
});
