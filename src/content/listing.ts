import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Files } from '../gateways/files.js';
import { LISTING_START_BYTES } from './bounds.js';
import { type Digest, isSameDigest, Meter } from './digest.js';

/**
 * Copies a listing of GNU tar with another time in it: what changed since that time goes into the next increment.
 * False when the file is not the expected one, or no listing; then the copy means nothing. tar changes the
 * listing it works with, so it gets a copy.
 */
export async function copyListing(
  files: Files,
  from: string,
  to: string,
  expected: Digest,
  sinceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const start = await readStart(files, from);
  const rest = start === undefined ? -1 : timeEnd(start);
  if (start === undefined || rest < 0) return false;
  const meter = new Meter();
  await pipeline(
    Readable.from(withTime(files.openRead(from), meter, start, rest, sinceMs), { objectMode: false }),
    files.openWrite(to, { mode: 0o600 }),
    { signal },
  );
  return isSameDigest(meter.finish(), expected);
}

/** Size and SHA-256 of a listing as tar left it; undefined when tar left none. */
export async function digestListing(
  files: Files,
  path: string,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const start = await readStart(files, path);
  if (start === undefined || timeEnd(start) < 0) return undefined;
  const meter = new Meter();
  for await (const chunk of files.openRead(path)) {
    signal.throwIfAborted();
    meter.take(chunk);
  }
  return meter.finish();
}

async function readStart(files: Files, path: string): Promise<Buffer | undefined> {
  if ((await files.stat(path))?.kind !== 'file') return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of files.openRead(path, { start: 0, end: LISTING_START_BYTES - 1 })) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `GNU tar-<version>-2\n<seconds>\0<nanoseconds>\0`: where that ends; -1 for anything else. */
function timeEnd(start: Buffer): number {
  const [head] = /^GNU tar-[^\n]*-2\n\d+\0\d+\0/.exec(start.toString('latin1')) ?? [];
  return head?.length ?? -1;
}

async function* withTime(
  listing: Readable,
  meter: Meter,
  start: Buffer,
  rest: number,
  sinceMs: number,
): AsyncGenerator<Buffer> {
  const seconds = Math.floor(sinceMs / 1000);
  const nanoseconds = Math.floor((sinceMs - seconds * 1000) * 1_000_000);
  const format = start.subarray(0, start.indexOf('\n') + 1);
  yield Buffer.concat([format, Buffer.from(`${seconds}\0${nanoseconds}\0`)]);
  let skip = rest;
  for await (const chunk of listing) {
    meter.take(chunk);
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}
