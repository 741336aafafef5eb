import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import { STREAM_PENDING_BYTES, STREAM_PENDING_MAX, STREAM_STALL_MS } from './bounds.js';

/** Takes messages and calls back when one has left. */
export interface MessageSink {
  write(message: Buffer, sent: () => void): unknown;
}

/** Writes to a peer that may be slower than we are, with a bound on what waits for it. */
export class StreamWriter {
  readonly #sink: MessageSink;
  readonly #clock: Clock;
  #pending = 0;
  #pendingBytes = 0;
  #proceed: (() => void) | undefined;

  constructor(sink: MessageSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  write(message: Buffer): void {
    this.#pending += 1;
    this.#pendingBytes += message.length;
    this.#sink.write(message, () => {
      this.#pending -= 1;
      this.#pendingBytes -= message.length;
      if (!this.#full()) this.release();
    });
  }

  /** Resolves when there is room for another message; fails with `overloaded` when the peer takes nothing. */
  async room(): Promise<void> {
    if (!this.#full()) return;
    await new Promise<void>((resolve, reject) => {
      const stalled = new StewardError('overloaded', 'the reader of the stream takes no messages');
      const timer = this.#clock.schedule(this.#clock.now() + STREAM_STALL_MS, () => reject(stalled));
      this.#proceed = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Ends a wait for room; called when the call has ended, too. */
  release(): void {
    this.#proceed?.();
    this.#proceed = undefined;
  }

  #full(): boolean {
    return this.#pending >= STREAM_PENDING_MAX || this.#pendingBytes >= STREAM_PENDING_BYTES;
  }
}
