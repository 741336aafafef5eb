import type { Database } from '../database/database.js';
import { type StewardError, toStewardError } from '../errors/steward-error.js';
import type { EventPublisher, PublishedEvent } from '../events/event-publisher.js';
import { type Clock, sleep, type Timer } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import { backoffMs } from './backoff.js';
import {
  OUTBOX_BATCH_MAX,
  OUTBOX_BLOCKED_MAX,
  OUTBOX_MEMORY_MAX,
  OUTBOX_REMOVAL_PAUSE_MS,
  RELAY_RETRY_MAX_MS,
  RELAY_RETRY_MIN_MS,
} from './bounds.js';
import type { Writing } from './clusters/writing.js';
import { oldestEvents, removeEvents } from './outbox.js';

export interface RelayOptions {
  readonly database: Pick<Database, 'read'>;
  readonly writing: Pick<Writing, 'write'>;
  /** Whether nobody else publishes what is in the outbox. */
  readonly mayPublish: () => boolean;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly published: (event: PublishedEvent) => void;
  readonly failed: (error: StewardError, event: PublishedEvent | undefined) => void;
}

/**
 * Publishes what is committed in the outbox, at least once and in order per instance, and removes it afterwards.
 * Usually it is told what was committed and needs not read it again; what a crash, a predecessor or a failure has
 * left behind is read from the table. An event that cannot be published holds up later ones of its instance only.
 */
export class OutboxRelay {
  readonly #options: RelayOptions;
  /** Committed after the table was last seen empty; it is in the table, too. */
  #offered: PublishedEvent[] = [];
  /** Whether the table may hold more than what was offered. */
  #mustRead = true;
  /** Published and still in the table. */
  #done: number[] = [];
  #removal: Timer | undefined;
  #wake = new AbortController();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Events that have just been committed; those of one instance in the order of their commits. */
  offer(events: readonly PublishedEvent[]): void {
    if (events.length === 0) return;
    if (this.#offered.length + events.length > OUTBOX_MEMORY_MAX) this.readAnew();
    else if (!this.#mustRead || this.#offered.length > 0) this.#offered.push(...events);
    this.#wake.abort();
  }

  /** There may be events that nobody has offered. */
  readAnew(): void {
    this.#mustRead = true;
    this.#offered = [];
    this.#wake.abort();
  }

  /** Looks again whether it may publish. */
  wake(): void {
    this.#wake.abort();
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.abort(), { once: true });
    let failures = 0;
    while (!signal.aborted) {
      await this.#woken();
      if (signal.aborted || !this.#options.mayPublish()) continue;
      const complete = this.#mustRead ? await this.flush() : await this.#publishOffered();
      failures = complete ? 0 : failures + 1;
      if (complete) continue;
      this.#mustRead = true;
      await this.#pause(failures, signal);
    }
    this.#removal?.cancel();
    this.#removal = undefined;
  }

  /** Publishes and removes everything in the table, once; false when something could not be published or removed. */
  async flush(): Promise<boolean> {
    const { database, writing, failed } = this.#options;
    const blocked = new Set<string>();
    this.#mustRead = false;
    this.#offered = [];
    try {
      await this.#remove();
      while (blocked.size <= OUTBOX_BLOCKED_MAX) {
        const events = await database.read((connection) => oldestEvents(connection, [...blocked]));
        if (events.length === 0) break;
        const published = await this.#publish(events, blocked);
        const gone = new Set(published);
        this.#offered = this.#offered.filter(({ sequence }) => !gone.has(sequence));
        if (published.length > 0) {
          await writing.write((transaction) => removeEvents(transaction, published));
        }
      }
    } catch (error) {
      failed(toStewardError(error), undefined);
      this.#mustRead = true;
      return false;
    }
    if (blocked.size > 0) this.#mustRead = true;
    return blocked.size === 0;
  }

  async #publishOffered(): Promise<boolean> {
    const events = this.#offered.splice(0, OUTBOX_BATCH_MAX);
    const blocked = new Set<string>();
    this.#done.push(...(await this.#publish(events, blocked)));
    this.#removeSoon();
    return blocked.size === 0;
  }

  /** Instances at once, the events of each one after the other; answers what was published. */
  async #publish(events: readonly PublishedEvent[], blocked: Set<string>): Promise<number[]> {
    const instances = new Map<string, PublishedEvent[]>();
    for (const event of events) {
      const earlier = instances.get(event.key);
      if (earlier === undefined) instances.set(event.key, [event]);
      else earlier.push(event);
    }
    const published = await Promise.all(
      [...instances.values()].map((each) => this.#publishInOrder(each, blocked)),
    );
    return published.flat();
  }

  async #publishInOrder(events: readonly PublishedEvent[], blocked: Set<string>): Promise<number[]> {
    const { publisher, published, failed } = this.#options;
    const sequences: number[] = [];
    for (const event of events) {
      try {
        await publisher.publish(event);
      } catch (error) {
        blocked.add(event.key);
        failed(toStewardError(error, 'unavailable'), event);
        break;
      }
      sequences.push(event.sequence);
      published(event);
    }
    return sequences;
  }

  /** Many in one transaction, and beside the publishing of the next ones: whose commits would wait for the disk, too. */
  #removeSoon(): void {
    const { clock } = this.#options;
    if (this.#done.length >= OUTBOX_BATCH_MAX) this.#removeBeside();
    this.#removal ??= clock.schedule(clock.now() + OUTBOX_REMOVAL_PAUSE_MS, () => this.#removeBeside());
  }

  #removeBeside(): void {
    this.#removal?.cancel();
    this.#removal = undefined;
    this.#remove().catch((error: unknown) => {
      this.#options.failed(toStewardError(error), undefined);
      // What is left in the table is published once more.
      this.readAnew();
    });
  }

  async #remove(): Promise<void> {
    while (this.#done.length > 0) {
      const sequences = this.#done.splice(0, OUTBOX_BATCH_MAX);
      await this.#options.writing.write((transaction) => removeEvents(transaction, sequences));
    }
  }

  async #woken(): Promise<void> {
    if (!this.#wake.signal.aborted && !this.#hasWork()) {
      const { signal } = this.#wake;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    this.#wake = new AbortController();
  }

  #hasWork(): boolean {
    return (this.#mustRead || this.#offered.length > 0) && this.#options.mayPublish();
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const pause = backoffMs(failures, RELAY_RETRY_MIN_MS, RELAY_RETRY_MAX_MS, random);
    await sleep(clock, pause, signal).catch(() => undefined);
  }
}
