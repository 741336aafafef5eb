import type { InstanceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { MetadataFilter, WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import { SUBSCRIBERS_MAX } from './bounds.js';
import { matches } from './filter.js';

/** What the feed reads: always the newest status on disk. */
export interface StatusSource {
  ids(): Iterable<InstanceId>;
  status(instance: InstanceId): WorkspaceStatus | undefined;
  /** Somebody was told this status. */
  onTold(instance: InstanceId, status: WorkspaceStatus): void;
}

/**
 * Tells subscribers the present statuses first and then each change. What waits for a slow reader are names of
 * instances, each at most once: it is told the newest status when it takes it, so that changes in between may be
 * skipped but the last one never is. An instance that somebody still has to be told about is not forgotten.
 */
export class StatusFeed {
  readonly #source: StatusSource;
  readonly #subscribers = new Set<Subscriber>();

  constructor(source: StatusSource) {
    this.#source = source;
  }

  /** A newer record of the instance is on disk. */
  changed(instance: InstanceId): void {
    for (const subscriber of this.#subscribers) subscriber.add(instance);
  }

  isAwaited(instance: InstanceId): boolean {
    for (const subscriber of this.#subscribers) if (subscriber.awaits(instance)) return true;
    return false;
  }

  /** Ends when `signal` aborts. */
  async *subscribe(filter: MetadataFilter | undefined, signal: AbortSignal): AsyncGenerator<WorkspaceStatus> {
    if (this.#subscribers.size >= SUBSCRIBERS_MAX) {
      throw new StewardError('overloaded', `${SUBSCRIBERS_MAX} subscribers are connected`);
    }
    const subscriber = new Subscriber(this.#source.ids());
    this.#subscribers.add(subscriber);
    const onAbort = () => subscriber.end();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) subscriber.end();
    try {
      for await (const instance of subscriber) {
        const status = this.#source.status(instance);
        if (status !== undefined && matches(filter, status)) {
          yield status;
          this.#source.onTold(instance, status);
        }
        subscriber.done();
      }
    } finally {
      this.#subscribers.delete(subscriber);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** Instances one reader still has to be told about, in the order they changed. */
class Subscriber {
  readonly #waiting: Set<InstanceId>;
  /** Taken by the reader, and not yet passed on. */
  #taken: InstanceId | undefined;
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(instances: Iterable<InstanceId>) {
    this.#waiting = new Set(instances);
  }

  add(instance: InstanceId): void {
    this.#waiting.add(instance);
    this.#wake();
  }

  awaits(instance: InstanceId): boolean {
    return this.#taken === instance || this.#waiting.has(instance);
  }

  done(): void {
    this.#taken = undefined;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InstanceId> {
    while (!this.#isEnded) {
      const [instance] = this.#waiting;
      if (instance === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#waiting.delete(instance);
      this.#taken = instance;
      yield instance;
    }
  }
}
