import { MAILBOX_SENDERS_MAX } from './bounds.js';

/** What a full mailbox does with one more message. */
export type MailboxPolicy<Message> =
  /** `send` waits until there is room; `offer` is refused. */
  | { readonly kind: 'block' }
  /** The message that has waited longest makes room. */
  | { readonly kind: 'drop-oldest' }
  | { readonly kind: 'reject' }
  /**
   * A waiting message of the same key is replaced where it waits, at any depth, by `merge` (default: the newer one).
   * A message of another key is refused when there is no room.
   */
  | {
      readonly kind: 'coalesce';
      readonly keyOf: (message: Message) => string;
      readonly merge?: (waiting: Message, newer: Message) => Message;
    };

export type Offered = 'accepted' | 'coalesced' | 'accepted-oldest-dropped' | 'full' | 'closed';

interface Sender<Message> {
  readonly message: Message;
  readonly answer: (offered: Offered) => void;
}

/** Messages for one actor: first in, first out, never more than `capacity` of them. */
export class Mailbox<Message> {
  readonly #capacity: number;
  readonly #policy: MailboxPolicy<Message>;
  /** By key when coalescing, else by number; a Map keeps the order and finds both ends at once. */
  readonly #waiting = new Map<string | number, Message>();
  readonly #senders = new Set<Sender<Message>>();
  readonly #takers = new Set<(message: Message | undefined) => void>();
  #next = 0;
  #closed = false;
  #dropped = 0;
  #refused = 0;
  #coalesced = 0;

  constructor(capacity: number, policy: MailboxPolicy<Message>) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError('a mailbox needs room for one message');
    this.#capacity = capacity;
    this.#policy = policy;
  }

  /** Messages waiting to be taken. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Since it was made, for metrics. */
  get counts(): { readonly dropped: number; readonly refused: number; readonly coalesced: number } {
    return { dropped: this.#dropped, refused: this.#refused, coalesced: this.#coalesced };
  }

  /** Puts a message in without waiting. */
  offer(message: Message): Offered {
    const offered = this.#put(message);
    if (offered === 'full') this.#refused += 1;
    return offered;
  }

  /**
   * The same, but waits for room under the policy `block`, first come, first served. Refused as `full` when too
   * many wait already. Rejects with the signal's reason when that aborts first; the caller's deadline goes there.
   */
  async send(message: Message, signal: AbortSignal): Promise<Offered> {
    signal.throwIfAborted();
    if (this.#policy.kind !== 'block' || this.#hasRoom() || this.#closed) return this.offer(message);
    if (this.#senders.size >= MAILBOX_SENDERS_MAX) {
      this.#refused += 1;
      return 'full';
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#senders.delete(sender);
        reject(signal.reason);
      };
      const answer = (offered: Offered) => {
        signal.removeEventListener('abort', onAbort);
        resolve(offered);
      };
      const sender: Sender<Message> = { message, answer };
      this.#senders.add(sender);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * The next message, when there is one; undefined when the mailbox is closed and empty. Rejects with the signal's
   * reason when that aborts first, and takes nothing then.
   */
  take(signal: AbortSignal): Promise<Message | undefined> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const first = this.#removeOldest();
    if (first !== undefined || this.#closed) return Promise.resolve(first?.message);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#takers.delete(taker);
        reject(signal.reason);
      };
      const taker = (message: Message | undefined) => {
        signal.removeEventListener('abort', onAbort);
        resolve(message);
      };
      this.#takers.add(taker);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Nothing more goes in; what waits can still be taken. Senders and takers that wait are answered. */
  close(): void {
    this.#closed = true;
    for (const sender of this.#senders) sender.answer('closed');
    this.#senders.clear();
    for (const taker of this.#takers) taker(undefined);
    this.#takers.clear();
  }

  #put(message: Message): Offered {
    if (this.#closed) return 'closed';
    const [taker] = this.#takers;
    if (taker !== undefined) {
      this.#takers.delete(taker);
      taker(message);
      return 'accepted';
    }
    if (this.#policy.kind === 'coalesce') return this.#coalesce(message, this.#policy);
    if (this.#hasRoom()) return this.#append(message);
    if (this.#policy.kind !== 'drop-oldest') return 'full';
    this.#removeOldest();
    this.#dropped += 1;
    this.#append(message);
    return 'accepted-oldest-dropped';
  }

  #coalesce(message: Message, policy: MailboxPolicy<Message> & { readonly kind: 'coalesce' }): Offered {
    const key = policy.keyOf(message);
    if (!this.#waiting.has(key)) {
      if (!this.#hasRoom()) return 'full';
      this.#waiting.set(key, message);
      return 'accepted';
    }
    const waiting = this.#waiting.get(key);
    const merged =
      waiting === undefined || policy.merge === undefined ? message : policy.merge(waiting, message);
    this.#waiting.set(key, merged);
    this.#coalesced += 1;
    return 'coalesced';
  }

  #append(message: Message): Offered {
    this.#waiting.set(this.#next, message);
    this.#next += 1;
    return 'accepted';
  }

  #removeOldest(): { readonly message: Message } | undefined {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return undefined;
    this.#waiting.delete(oldest[0]);
    this.#admitSender();
    return { message: oldest[1] };
  }

  #admitSender(): void {
    const [sender] = this.#senders;
    if (sender === undefined || !this.#hasRoom()) return;
    this.#senders.delete(sender);
    sender.answer(this.#append(sender.message));
  }

  #hasRoom(): boolean {
    return this.#waiting.size < this.#capacity;
  }
}
