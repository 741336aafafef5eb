import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { StewardError } from '../errors/steward-error.js';
import { toRemoteError } from './remote-error.js';

/**
 * A stream of answers. The call has begun when it is made, not when it is read; what is not read waits at the
 * server. Leaving the loop cancels the call. To be read once.
 */
export interface AnswerStream<Response> extends AsyncIterable<Response> {
  /** Resolves when the server has accepted the call; rejects when the call ends before that. */
  readonly started: Promise<void>;
  /** A reader sees the end of the stream as `cancelled`. */
  cancel(): void;
}

type Call = Pick<ClientReadableStream<Buffer>, 'cancel' | 'on' | 'once'> & AsyncIterable<Buffer>;

export function readAnswers<Response>(
  call: Call,
  peer: string,
  decode: (bytes: Buffer) => Response,
  signal: AbortSignal | undefined,
): AnswerStream<Response> {
  // Kept, because a reader that comes later would take the failed stream for a finished one.
  let failure: StewardError | undefined;
  const started = new Promise<void>((resolve, reject) => {
    call.once('metadata', () => resolve());
    call.once('end', () => resolve());
    call.on('error', (error: Error) => {
      // The first one is the status of the call; later ones are about tearing the stream down.
      if (failure !== undefined || !isServiceError(error)) return;
      failure = toRemoteError(error, peer);
      reject(failure);
    });
  });
  started.catch(() => {});
  const cancel = () => call.cancel();
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  call.once('status', () => signal?.removeEventListener('abort', cancel));
  return { started, cancel, [Symbol.asyncIterator]: () => read(call, decode, () => failure) };
}

async function* read<Response>(
  call: Call,
  decode: (bytes: Buffer) => Response,
  failure: () => StewardError | undefined,
): AsyncGenerator<Response> {
  try {
    for await (const bytes of call) yield decode(bytes);
  } catch (cause) {
    throw failure() ?? new StewardError('internal', 'an answer of the stream cannot be decoded', { cause });
  } finally {
    call.cancel();
  }
  const error = failure();
  if (error !== undefined) throw error;
}

function isServiceError(error: Error): error is ServiceError {
  return 'code' in error && typeof error.code === 'number' && 'details' in error;
}
