import { once } from 'node:events';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { Files } from '../../gateways/files.js';
import { LOG_PAUSE_MS, LOG_TAIL_CHUNK_BYTES, LOG_TAIL_SEARCH_BYTES } from '../bounds.js';
import type { LogOptions } from '../workspace-runtime.js';

/** The log as it grows. A missing file is an empty one. */
export async function* readLog(
  clock: Clock,
  files: Files,
  path: string,
  { follow, tailLines, isOver, signal }: LogOptions,
): AsyncGenerator<Uint8Array> {
  let offset = tailLines === undefined ? 0 : await offsetOfLast(files, path, tailLines);
  for (;;) {
    signal.throwIfAborted();
    const wasOver = isOver();
    const size = await sizeOf(files, path);
    if (size < offset) offset = 0;
    if (size > offset) {
      yield* bytesOf(files, path, offset, size - 1);
      offset = size;
      continue;
    }
    if (!follow || wasOver) return;
    await sleep(clock, LOG_PAUSE_MS, signal);
  }
}

/** Where the last `lines` lines begin; an unfinished line at the end counts as one. */
async function offsetOfLast(files: Files, path: string, lines: number): Promise<number> {
  const size = await sizeOf(files, path);
  if (lines === 0) return size;
  let missing = lines;
  let start = size;
  while (start > 0 && size - start < LOG_TAIL_SEARCH_BYTES) {
    const end = start;
    start = Math.max(0, end - LOG_TAIL_CHUNK_BYTES);
    const chunk = await whole(files, path, start, end - 1);
    for (let index = chunk.length - 1; index >= 0; index -= 1) {
      const isLineEnd = chunk[index] === NEWLINE && start + index !== size - 1;
      if (isLineEnd) missing -= 1;
      if (missing === 0) return start + index + 1;
    }
  }
  return start;
}

const NEWLINE = 10;

async function sizeOf(files: Files, path: string): Promise<number> {
  return (await files.stat(path))?.sizeBytes ?? 0;
}

async function* bytesOf(files: Files, path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const stream = files.openRead(path, { start, end });
  try {
    for await (const chunk of stream) yield chunk;
  } finally {
    stream.destroy();
    if (!stream.closed) await once(stream, 'close');
  }
}

async function whole(files: Files, path: string, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytesOf(files, path, start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
