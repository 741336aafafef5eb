import type { Database } from '../database/database.js';
import { type StewardError, toStewardError } from '../errors/steward-error.js';
import type { EventPublisher, PublishedEvent } from '../events/event-publisher.js';
import { type Clock, sleep } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import { backoffMs } from './backoff.js';
import { RELAY_RETRY_MAX_MS, RELAY_RETRY_MIN_MS } from './bounds.js';
import { eventsAfter, removeEvents } from './outbox.js';

export interface RelayOptions {
  readonly database: Database;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly published: (event: PublishedEvent) => void;
  readonly failed: (error: StewardError, event: PublishedEvent | undefined) => void;
}

/**
 * Publishes what is committed in the outbox, at least once and in order per instance, and removes it afterwards.
 * What a crash left behind is published when the relay starts. An event that cannot be published holds up later
 * ones of its instance only.
 */
export class OutboxRelay {
  readonly #options: RelayOptions;
  #woken = true;
  #wake: (() => void) | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** There may be something new: call it after each commit. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    let failures = 0;
    while (!signal.aborted) {
      await this.#woke(signal);
      const complete = await this.flush();
      failures = complete ? 0 : failures + 1;
      if (complete || signal.aborted) continue;
      this.#woken = true;
      const pause = backoffMs(failures, RELAY_RETRY_MIN_MS, RELAY_RETRY_MAX_MS, random);
      await sleep(clock, pause, signal).catch(() => undefined);
    }
  }

  /** Publishes everything there is, once; false when something could not be published or removed. */
  async flush(): Promise<boolean> {
    this.#woken = false;
    const blocked = new Set<string>();
    try {
      let from = 0;
      while (true) {
        const events = await this.#options.database.read((connection) => eventsAfter(connection, from));
        const last = events.at(-1);
        if (last === undefined) return blocked.size === 0;
        const published = await this.#publish(events, blocked);
        if (published.length > 0) {
          await this.#options.database.write((transaction) => removeEvents(transaction, published));
        }
        from = last.sequence;
      }
    } catch (error) {
      this.#options.failed(toStewardError(error), undefined);
      return false;
    }
  }

  async #publish(events: readonly PublishedEvent[], blocked: Set<string>): Promise<number[]> {
    const published: number[] = [];
    for (const event of events) {
      if (blocked.has(event.key)) continue;
      try {
        await this.#options.publisher.publish(event);
        published.push(event.sequence);
        this.#options.published(event);
      } catch (error) {
        blocked.add(event.key);
        this.#options.failed(toStewardError(error, 'unavailable'), event);
      }
    }
    return published;
  }

  #woke(signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
