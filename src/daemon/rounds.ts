import { type Clock, sleep } from '../gateways/clock.js';

export interface RoundsOptions {
  readonly clock: Clock;
  /** Between the end of one round and the begin of the next; 0: no rounds at all. */
  readonly pauseMs: number;
  /** Gives up when the signal aborts. What it throws is told and the next round comes as ever. */
  readonly round: (signal: AbortSignal) => Promise<void>;
  readonly onFailed: (error: unknown) => void;
}

/** The same work again and again, the first at once, never two at a time, and never without a pause. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.pauseMs > 0) this.#running = this.#run(this.#stopping.signal);
  }

  /** Resolves when no round is under way and none will follow. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'));
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, pauseMs, round, onFailed } = this.#options;
    while (!signal.aborted) {
      try {
        await round(signal);
      } catch (error) {
        if (!signal.aborted) onFailed(error);
      }
      await sleep(clock, pauseMs, signal).catch(() => undefined);
    }
  }
}
