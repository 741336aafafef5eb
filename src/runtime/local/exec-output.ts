import type { ExecOutput } from '../exec.js';

/** Both outputs as they come, each read no faster than the whole is. */
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
    ['stdout', next('stdout', stdout[Symbol.asyncIterator]())],
    ['stderr', next('stderr', stderr[Symbol.asyncIterator]())],
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
