import { Transform, type TransformCallback } from 'node:stream';
import { type Clock, sleep } from '../gateways/clock.js';
import { BANDWIDTH_BURST_MS } from './bounds.js';

/**
 * A stream that passes on at most `bytesPerSecond` on average, after a first burst of a fraction of a second
 * (token bucket). Who writes into it is held back meanwhile.
 */
export function throttled(clock: Clock, bytesPerSecond: number, signal: AbortSignal): Transform {
  const burst = (bytesPerSecond * BANDWIDTH_BURST_MS) / 1000;
  let tokens = burst;
  let at = clock.monotonic();
  const take = async (bytes: number) => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * bytesPerSecond) - bytes;
    at = now;
    // What is owed is waited for; the time that takes is credited with the next chunk.
    if (tokens < 0) await sleep(clock, (-tokens / bytesPerSecond) * 1000, signal);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      take(chunk.length).then(
        () => done(null, chunk),
        (error: Error) => done(error),
      );
    },
  });
}
