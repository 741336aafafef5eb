import PQueue from 'p-queue';
import { StewardError } from '../errors/steward-error.js';
import { RECORD_WRITES_MAX, WAITING_KEYS_MAX } from './bounds.js';

/** What shall be under a key: its text, or nothing. */
export type Content = string | undefined;

interface Change {
  content: Content;
  readonly waiters: PromiseWithResolvers<void>[];
}

interface PromiseWithResolvers<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Orders changes by key: one at a time per key, many keys at once. A change that waits is replaced by a newer
 * one, and everybody who asked for either is answered when the newer one is durable.
 */
export class KeyWrites {
  readonly #apply: (key: string, content: Content) => Promise<void>;
  readonly #queue = new PQueue({ concurrency: RECORD_WRITES_MAX });
  readonly #running = new Set<string>();
  readonly #waiting = new Map<string, Change>();

  /** `apply` makes one change durable; it is never called twice at once for one key. */
  constructor(apply: (key: string, content: Content) => Promise<void>) {
    this.#apply = apply;
  }

  change(key: string, content: Content): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        waiting.content = content;
        waiting.waiters.push({ resolve, reject });
        return;
      }
      if (this.#waiting.size >= WAITING_KEYS_MAX) {
        reject(new StewardError('overloaded', `${WAITING_KEYS_MAX} records wait to be written.`));
        return;
      }
      this.#waiting.set(key, { content, waiters: [{ resolve, reject }] });
      if (!this.#running.has(key)) this.#enqueue(key);
    });
  }

  /** Resolves when nothing is being written and nothing waits. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  #enqueue(key: string): void {
    this.#running.add(key);
    void this.#queue.add(() => this.#work(key));
  }

  async #work(key: string): Promise<void> {
    const change = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (change !== undefined) await this.#settle(key, change);
    if (this.#waiting.has(key)) this.#enqueue(key);
    else this.#running.delete(key);
  }

  async #settle(key: string, change: Change): Promise<void> {
    try {
      await this.#apply(key, change.content);
      for (const waiter of change.waiters) waiter.resolve();
    } catch (error) {
      for (const waiter of change.waiters) waiter.reject(error);
    }
  }
}
