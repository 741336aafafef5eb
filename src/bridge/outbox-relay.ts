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
import { type OutboxPart, oldestEvents, removeEvents } from './outbox.js';
import { BlockedEvents } from './outbox-blocked.js';

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
 * left behind is read from the table. An event that cannot be published holds up later ones of its instance only, and
 * one whose channel is refused (`permission-denied`) those of its channel.
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
  readonly #blocked: BlockedEvents;
  #wake = new AbortController();

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#blocked = new BlockedEvents(options.clock, options.random);
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
      if (await this.#publishAll()) {
        failures = 0;
        continue;
      }
      // The database, or too much: everything waits.
      this.#blocked.clear();
      this.#mustRead = true;
      failures += 1;
      await this.#pause(failures, signal);
    }
    this.#removal?.cancel();
    this.#removal = undefined;
  }

  /** Publishes and removes everything in the table, once; false when something could not be published or removed. */
  async flush(): Promise<boolean> {
    return (await this.#publishTable('all')) && this.#blocked.size === 0;
  }

  /** Everything that is to be published now. */
  async #publishAll(): Promise<boolean> {
    if (this.#mustRead) return this.#publishTable('due');
    if (this.#blocked.dueInMs === 0) {
      const due = this.#blocked.take('due');
      if (!(await this.#publishStored(due, due))) return false;
    }
    return this.#publishOffered();
  }

  async #publishTable(blocked: 'due' | 'all'): Promise<boolean> {
    this.#mustRead = false;
    this.#offered = [];
    return this.#publishStored(this.#blocked.take(blocked), undefined);
  }

  /** Publishes what is in the table and does not wait; afterwards nothing of `tried` is left there that could be. */
  async #publishStored(tried: OutboxPart, only: OutboxPart | undefined): Promise<boolean> {
    const { database, writing, failed } = this.#options;
    // Whether a channel is still refused, one event tells.
    let limit = only === undefined || only.channels.length === 0 ? OUTBOX_BATCH_MAX : 1;
    try {
      await this.#remove();
      while (this.#blocked.size <= OUTBOX_BLOCKED_MAX) {
        const { waiting } = this.#blocked;
        const events = await database.read((connection) => oldestEvents(connection, waiting, only, limit));
        limit = OUTBOX_BATCH_MAX;
        if (events.length === 0) {
          this.#blocked.release(tried);
          return true;
        }
        const published = await this.#publish(events);
        const gone = new Set(published);
        this.#offered = this.#offered.filter(({ sequence }) => !gone.has(sequence));
        if (published.length > 0) {
          await writing.write((transaction) => removeEvents(transaction, published));
        }
      }
    } catch (error) {
      failed(toStewardError(error), undefined);
    }
    this.#mustRead = true;
    return false;
  }

  async #publishOffered(): Promise<boolean> {
    const events = this.#offered.splice(0, OUTBOX_BATCH_MAX);
    // What waits is read from the table when its time has come.
    this.#done.push(...(await this.#publish(events.filter((event) => !this.#blocked.has(event)))));
    this.#removeSoon();
    return this.#blocked.size <= OUTBOX_BLOCKED_MAX;
  }

  /** Instances at once, the events of each one after the other; answers what was published. */
  async #publish(events: readonly PublishedEvent[]): Promise<number[]> {
    const instances = new Map<string, PublishedEvent[]>();
    for (const event of events) {
      const earlier = instances.get(event.key);
      if (earlier === undefined) instances.set(event.key, [event]);
      else earlier.push(event);
    }
    const published = await Promise.all([...instances.values()].map((each) => this.#publishInOrder(each)));
    return published.flat();
  }

  async #publishInOrder(events: readonly PublishedEvent[]): Promise<number[]> {
    const { publisher, published, failed } = this.#options;
    const sequences: number[] = [];
    for (const event of events) {
      if (this.#blocked.has(event)) continue;
      try {
        await publisher.publish(event);
      } catch (thrown) {
        const error = toStewardError(thrown, 'unavailable');
        this.#blocked.failed(event, error.code === 'permission-denied');
        failed(error, event);
        continue;
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
    if (!this.#wake.signal.aborted && !this.#hasWork()) await this.#idle(this.#wake.signal);
    this.#wake = new AbortController();
  }

  async #idle(signal: AbortSignal): Promise<void> {
    const { clock, mayPublish } = this.#options;
    const dueInMs = mayPublish() ? this.#blocked.dueInMs : undefined;
    if (dueInMs !== undefined) return sleep(clock, dueInMs, signal).catch(() => undefined);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  #hasWork(): boolean {
    const isDue = this.#blocked.dueInMs === 0;
    return (this.#mustRead || this.#offered.length > 0 || isDue) && this.#options.mayPublish();
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const pause = backoffMs(failures, RELAY_RETRY_MIN_MS, RELAY_RETRY_MAX_MS, random);
    await sleep(clock, pause, signal).catch(() => undefined);
  }
}
