import { errorCode } from '../../gateways/file-error.js';
import type { ExecOutput } from '../exec.js';

/** Both outputs as they come, each read no faster than the whole is; until their ends, or until they are taken away. */
export async function* merged(
  stdout: AsyncIterable<Uint8Array>,
  stderr: AsyncIterable<Uint8Array>,
): AsyncGenerator<ExecOutput> {
  const next = (stream: ExecOutput['stream'], from: AsyncIterator<Uint8Array>) => {
    const coming = from.next().then((result) => ({ stream, from, result }));
    // The one that does not win the race may fail after nobody waits for it any more.
    coming.catch(() => undefined);
    return coming;
  };
  const waiting = new Map([
    ['stdout', next('stdout', untilTaken(stdout))],
    ['stderr', next('stderr', untilTaken(stderr))],
  ]);
  while (waiting.size > 0) {
    const { stream, from, result } = await Promise.race(waiting.values());
    if (result.done === true) {
      waiting.delete(stream);
      continue;
    }
    waiting.set(stream, next(stream, from));
    yield { stream, data: result.value };
  }
}

/** A stream that is destroyed has ended for its reader, too. */
export async function* untilTaken(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    if (errorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
