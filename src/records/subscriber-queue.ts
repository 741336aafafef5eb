import type { Transition } from '../../machines/transition.js';

export type StreamItem =
  | { readonly kind: 'transition'; readonly transition: Transition }
  /** Older transitions than `oldest` were asked for and are no longer kept. */
  | { readonly kind: 'gone'; readonly oldest: number }
  /** The subscriber was too slow and the stream ends here; it can subscribe again after `resumeAfter`. */
  | { readonly kind: 'lost'; readonly resumeAfter: number };

/** What waits for one subscriber. When it is full the rest is dropped and the subscriber is told. */
export class SubscriberQueue {
  readonly #limit: number;
  #waiting: Transition[] = [];
  #last: number;
  #isOverrun = false;
  #isClosed = false;
  #wake: () => void = () => undefined;

  /** `after` is the last sequence number the subscriber knows. */
  constructor(limit: number, after: number) {
    this.#limit = limit;
    this.#last = after;
  }

  offer(transition: Transition): void {
    if (this.#isOverrun || this.#isClosed) return;
    if (this.#waiting.length >= this.#limit) this.#isOverrun = true;
    else this.#waiting.push(transition);
    this.#wake();
  }

  /** Ends the stream; what waits is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#wake();
  }

  async *items(): AsyncGenerator<StreamItem> {
    while (!this.#isClosed) {
      const transition = this.#waiting.shift();
      if (transition !== undefined) {
        this.#last = transition.sequence;
        yield { kind: 'transition', transition };
      } else if (this.#isOverrun) {
        yield { kind: 'lost', resumeAfter: this.#last };
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
