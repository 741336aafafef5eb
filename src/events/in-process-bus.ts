import { StewardError } from '../errors/steward-error.js';
import { SUBSCRIBER_QUEUE_MAX, SUBSCRIBERS_MAX } from './bounds.js';
import type { EventPublisher, PublishedEvent } from './event-publisher.js';

/**
 * Events for listeners in this process. A slow subscriber never slows the publisher or others down: when its
 * queue is full it is cut off with `overloaded`, and knows that it missed something.
 */
export class InProcessBus implements EventPublisher {
  readonly #queueMax: number;
  readonly #subscribers = new Set<Subscriber>();

  constructor(queueMax: number = SUBSCRIBER_QUEUE_MAX) {
    this.#queueMax = queueMax;
  }

  async publish(event: PublishedEvent): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.offer(event);
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /**
   * Everything published from this call on, until the signal aborts (then the iteration ends). Fails with
   * `overloaded` when there are too many subscribers or this one is too slow.
   */
  subscribe(signal: AbortSignal): AsyncIterable<PublishedEvent> {
    if (this.#subscribers.size >= SUBSCRIBERS_MAX) {
      throw new StewardError('overloaded', `There are ${SUBSCRIBERS_MAX} subscribers already.`);
    }
    const subscriber = new Subscriber(this.#queueMax, () => this.#subscribers.delete(subscriber));
    this.#subscribers.add(subscriber);
    if (signal.aborted) subscriber.end();
    else signal.addEventListener('abort', () => subscriber.end(), { once: true });
    return subscriber;
  }
}

class Subscriber implements AsyncIterable<PublishedEvent> {
  readonly #queueMax: number;
  readonly #leave: () => void;
  readonly #queue: PublishedEvent[] = [];
  #ended = false;
  #failure: StewardError | undefined;
  #wake: (() => void) | undefined;

  constructor(queueMax: number, leave: () => void) {
    this.#queueMax = queueMax;
    this.#leave = leave;
  }

  offer(event: PublishedEvent): void {
    if (this.#queue.length >= this.#queueMax) {
      this.#failure = new StewardError(
        'overloaded',
        'Events came faster than they were taken; subscribe again.',
      );
      this.end();
      return;
    }
    this.#queue.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#leave();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<PublishedEvent> {
    try {
      while (true) {
        const event = this.#queue.shift();
        if (event !== undefined) yield event;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#ended) return;
        else await this.#next();
      }
    } finally {
      this.#leave();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
