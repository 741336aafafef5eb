import { PassThrough, type Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import { errorCode } from '../gateways/file-error.js';

/** What a failure while an object is handled means for callers. */
export function storageFailure(error: unknown, root: string): StewardError {
  const code = errorCode(error);
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    const message = 'An object of this name, or one that its name lies below, exists already.';
    return new StewardError('already-exists', message, { cause: error });
  }
  return rootFailure(error, root);
}

/** What a failure of the storage folder as a whole means. */
export function rootFailure(error: unknown, root: string): StewardError {
  if (error instanceof StewardError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StewardError('disk-full', `The disk of the storage folder ${root} is full.`, { cause: error });
  }
  return new StewardError(
    'storage-unavailable',
    `The storage folder ${root} cannot be used (${code ?? 'unknown error'}).`,
    { cause: error },
  );
}

/** The same bytes, with failures translated; ends with the signal's reason when that aborts. */
export function readingFailuresAs(
  reading: Readable,
  signal: AbortSignal,
  translate: (error: unknown) => Error,
): Readable {
  const translated = new PassThrough({ highWaterMark: reading.readableHighWaterMark });
  reading.on('error', (error) => translated.destroy(translate(error)));
  translated.on('close', () => reading.destroy());
  // Whoever asked may be gone before the stream reaches it: an abort nobody hears must not end the process.
  translated.on('error', () => undefined);
  endWithReason(translated, signal);
  return reading.pipe(translated);
}

/** Node's own would end it with an error that says nothing but that it was aborted. */
function endWithReason(stream: Readable, signal: AbortSignal): void {
  const end = () => stream.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', end));
}

/** A server that answers well and stores nothing, or something else. */
export function keepsNothing(where: string): StewardError {
  return new StewardError(
    'storage-unavailable',
    `The object storage ${where} does not keep what it accepts.`,
  );
}
