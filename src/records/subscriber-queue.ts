import type { InstanceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';

/** How far a long step is. Neither kept nor counted: whoever misses one has missed nothing. */
export interface ProgressNote {
  readonly at: number;
  readonly instance: InstanceId;
  readonly step: string;
  readonly bytes: number;
  /** 0 to 100; absent where nobody knows the whole. */
  readonly percent?: number;
}

export type StreamItem =
  | { readonly kind: 'transition'; readonly transition: Transition }
  | { readonly kind: 'progress'; readonly note: ProgressNote }
  /** Older transitions than `oldest` were asked for and are no longer kept. */
  | { readonly kind: 'gone'; readonly oldest: number }
  /** The subscriber was too slow and the stream ends here; it can subscribe again after `resumeAfter`. */
  | { readonly kind: 'lost'; readonly resumeAfter: number };

/** What waits for one subscriber. When it is full the rest is dropped and the subscriber is told. */
export class SubscriberQueue {
  readonly #limit: number;
  #waiting: Transition[] = [];
  /** The newest of each instance, for a reader who has seen all transitions. */
  readonly #progress = new Map<InstanceId, ProgressNote>();
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
    // It was about the step before.
    if (transition.actor === 'content') this.#progress.delete(transition.instance);
    this.#wake();
  }

  offerProgress(note: ProgressNote): void {
    if (this.#isOverrun || this.#isClosed) return;
    if (!this.#progress.has(note.instance) && this.#progress.size >= this.#limit) return;
    this.#progress.set(note.instance, note);
    this.#wake();
  }

  /** Ends the stream; what waits is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#progress.clear();
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
      } else if (this.#progress.size > 0) {
        yield* this.#takeProgress();
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  *#takeProgress(): Generator<StreamItem> {
    const [note] = this.#progress.values();
    if (note === undefined) return;
    this.#progress.delete(note.instance);
    yield { kind: 'progress', note };
  }
}
