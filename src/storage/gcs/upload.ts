import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ObjectPlace } from '../buckets.js';
import type { PutOptions } from '../object-storage.js';
import { CHUNK_BYTES, SINGLE_REQUEST_BYTES } from './bounds.js';
import type { GcsConnection } from './connection.js';
import { gcsFailure } from './failures.js';

/** Kept with each object: tells whose write it was that made it. */
const MARK = 'steward-upload';

/**
 * Streams one object and resolves with its size, chunk by chunk; the library repeats a chunk from memory and compares the checksum of the
 * whole. One whose last answer was lost is found by `mark`, which nobody else uses.
 */
export async function uploadTo(
  connection: GcsConnection,
  place: ObjectPlace,
  body: Readable,
  options: PutOptions,
  { mark, mayReplace }: { readonly mark: string; readonly mayReplace: boolean },
): Promise<number> {
  const { signal, contentType, annotations } = options;
  addAbortSignal(signal, body);
  let bodyFailure: { readonly error: unknown } | undefined;
  let sizeBytes = 0;
  const count = (bytes: number) => {
    sizeBytes += bytes;
  };
  body.on('error', (error) => {
    bodyFailure ??= { error };
  });
  try {
    const file = await connection.file(place);
    const about = {
      validation: 'crc32c',
      metadata: {
        ...(contentType === undefined ? {} : { contentType }),
        metadata: { ...annotations, [MARK]: mark },
      },
      ...(mayReplace ? {} : { preconditionOpts: { ifGenerationMatch: 0 } }),
    };
    const { start, rest } = await startOf(body, count);
    if (rest === undefined) {
      await connection.call(signal, () => file.save(start, { ...about, resumable: false }));
    } else {
      const writing = file.createWriteStream({ ...about, resumable: true, chunkSize: CHUNK_BYTES });
      await pipeline(joined(start, rest, count), writing, { signal });
    }
    return sizeBytes;
  } catch (error) {
    if (await isOurs(connection, place, mark).catch(() => false)) {
      if (bodyFailure === undefined && !signal.aborted) return sizeBytes;
      await (await connection.file(place)).delete({ ignoreNotFound: true }).catch(() => undefined);
    }
    signal.throwIfAborted();
    throw bodyFailure?.error === error ? error : gcsFailure(error, connection.where);
  } finally {
    body.destroy();
  }
}

/** Small objects go in one request, and the library cannot send an empty one in chunks. */
async function startOf(body: Readable, count: (bytes: number) => void) {
  const chunks: Buffer[] = [];
  const rest = body[Symbol.asyncIterator]();
  for (let size = 0; size <= SINGLE_REQUEST_BYTES; ) {
    const next = await rest.next();
    if (next.done) return { start: Buffer.concat(chunks), rest: undefined };
    const chunk = Buffer.from(next.value);
    size += chunk.length;
    count(chunk.length);
    chunks.push(chunk);
  }
  return { start: Buffer.concat(chunks), rest };
}

async function* joined(
  start: Buffer,
  rest: AsyncIterator<Uint8Array | string>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  yield start;
  for (;;) {
    const next = await rest.next();
    if (next.done) return;
    const chunk = Buffer.from(next.value);
    count(chunk.length);
    yield chunk;
  }
}

async function isOurs(connection: GcsConnection, place: ObjectPlace, mark: string): Promise<boolean> {
  const [metadata] = await (await connection.file(place)).getMetadata();
  return metadata.metadata?.[MARK] === mark;
}
