import { type Clock, sleep } from '../gateways/clock.js';
import type { ReadinessCondition } from '../gen/steward/v1/system.js';
import type { Channel } from '../grpc/channel.js';
import { DAEMON_ANSWER_MS, LINK_CHECK_MS } from './bounds.js';

/** Whether the daemon can be reached, as readiness tells it. */
export class DaemonLink {
  /** Resolves when the daemon was reached for the first time. */
  readonly reached: Promise<void>;
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #onReached: () => void = () => undefined;
  #isReachable = false;
  #since: number;

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    this.#since = clock.now();
    this.reached = new Promise((resolve) => {
      this.#onReached = resolve;
    });
  }

  /** Calls back with the first answer and with every change, until `stop`. */
  watch(onChange: (isReachable: boolean) => void): void {
    void this.#watch(onChange);
  }

  stop(): void {
    this.#stop.abort();
  }

  condition(): ReadinessCondition {
    return {
      name: 'daemon',
      ready: this.#isReachable,
      message: this.#isReachable ? '' : `${this.#channel.address} cannot be reached`,
      sinceMs: BigInt(this.#since),
    };
  }

  async #watch(onChange: (isReachable: boolean) => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const isReachable = await this.#channel.waitForReady(DAEMON_ANSWER_MS).then(
        () => true,
        () => false,
      );
      if (signal.aborted) return;
      if (isReachable !== this.#isReachable) {
        this.#isReachable = isReachable;
        this.#since = this.#clock.now();
        onChange(isReachable);
        if (isReachable) this.#onReached();
      }
      await sleep(this.#clock, LINK_CHECK_MS, signal).catch(() => undefined);
    }
  }
}
