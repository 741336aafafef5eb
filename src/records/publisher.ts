import type { InstanceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import { StewardError } from '../errors/steward-error.js';
import { type Clock, sleep } from '../gateways/clock.js';
import type { AlarmListener } from './alarm.js';
import {
  DETAIL_LENGTH_MAX,
  PUBLISH_BATCH_MAX,
  RESERVE_PAUSE_LONGEST_MS,
  RESERVE_PAUSE_MS,
  SUBSCRIBER_QUEUE_MAX,
  SUBSCRIBERS_MAX,
} from './bounds.js';
import type { Journal } from './journal.js';
import { type NewTransition, PendingTransitions } from './pending-transitions.js';
import { type ProgressNote, type StreamItem, SubscriberQueue } from './subscriber-queue.js';

export interface SubscribeOptions {
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Replays the history after this sequence number first; absent: only what comes from now on. */
  readonly after?: number;
  /** Default `SUBSCRIBER_QUEUE_MAX`. */
  readonly queueMax?: number;
  /** Also tell how far long steps are. */
  readonly wantsProgress?: boolean;
}

/** Runs in this process for every transition that leaves: metrics, logs. What it throws becomes an alarm. */
export type TransitionListener = (transition: Transition) => void;

/**
 * The one stream of transitions. Each is held until its record is on disk, then gets its sequence number, goes
 * into the history, and only then is seen by subscribers and by those who wait for it.
 */
export class Publisher {
  readonly #clock: Clock;
  readonly #journal: Journal<Transition>;
  readonly #onAlarm: AlarmListener;
  readonly #pending = new PendingTransitions();
  readonly #subscribers = new Set<SubscriberQueue>();
  readonly #progressed = new Set<SubscriberQueue>();
  readonly #listeners = new Set<TransitionListener>();
  readonly #closing = new AbortController();
  #lastOut: number;
  #pump: Promise<void> | undefined;

  constructor(clock: Clock, journal: Journal<Transition>, onAlarm: AlarmListener) {
    this.#clock = clock;
    this.#journal = journal;
    this.#onAlarm = onAlarm;
    this.#lastOut = journal.last;
  }

  /**
   * Takes a transition; with `durable` false it and later ones of its instance are held until released.
   * Returns its ticket for `release`. Fails with `overloaded` when too much is held.
   */
  publish(transition: NewTransition, options: { readonly durable: boolean }): number {
    if (this.#closing.signal.aborted) throw closed();
    const ticket = this.#pending.add(shortened(transition), options.durable);
    this.#wake();
    return ticket;
  }

  /** The record that covers the instance's transitions up to and with ticket `upTo` is on disk. */
  release(instance: InstanceId, upTo: number): void {
    this.#pending.release(instance, upTo);
    this.#wake();
  }

  /** The instance's record will never be written: what is held of it never leaves, and who waits is told why. */
  discard(instance: InstanceId, reason: StewardError): void {
    this.#pending.discard(instance, reason);
  }

  /**
   * Resolves when everything the instance has published by now has left. Fails with the reason given to
   * `discard`, or with `unavailable` when the program stops first.
   */
  settled(instance: InstanceId): Promise<void> {
    return this.#pending.settled(instance);
  }

  /** A stream of transitions in order. Fails with `overloaded` when there are too many subscribers. */
  subscribe(options: SubscribeOptions): AsyncIterable<StreamItem> {
    if (this.#subscribers.size >= SUBSCRIBERS_MAX) {
      throw new StewardError('overloaded', `There are ${SUBSCRIBERS_MAX} subscribers already.`);
    }
    const lastOut = this.#lastOut;
    const queue = new SubscriberQueue(options.queueMax ?? SUBSCRIBER_QUEUE_MAX, lastOut);
    const leave = () => {
      queue.close();
      this.#subscribers.delete(queue);
      this.#progressed.delete(queue);
      options.signal.removeEventListener('abort', leave);
    };
    if (options.signal.aborted || this.#closing.signal.aborted) queue.close();
    else {
      this.#subscribers.add(queue);
      if (options.wantsProgress === true) this.#progressed.add(queue);
      options.signal.addEventListener('abort', leave, { once: true });
    }
    return this.#stream(queue, options, lastOut, leave);
  }

  /** Goes to those who read now, and nowhere else. */
  progress(note: ProgressNote): void {
    for (const subscriber of this.#progressed) subscriber.offerProgress(note);
  }

  /** Returns what ends the listening. */
  onTransition(listener: TransitionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The newest transitions of an instance that have left, at most `limit`, oldest first. */
  history(instance: InstanceId, limit: number): Promise<readonly Transition[]> {
    return this.#journal.readInstance(instance, limit);
  }

  /** Lets out what may leave, ends all streams, and closes the history. */
  async close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#pump;
    this.#pending.rejectAll(closed());
    for (const subscriber of this.#subscribers) subscriber.close();
    this.#subscribers.clear();
    this.#progressed.clear();
    await this.#journal.close();
  }

  #wake(): void {
    if (this.#pump !== undefined || !this.#pending.hasReady) return;
    this.#pump = this.#letOut().finally(() => {
      this.#pump = undefined;
      if (!this.#closing.signal.aborted) this.#wake();
    });
  }

  async #letOut(): Promise<void> {
    while (this.#pending.hasReady) {
      const batch = this.#pending.takeReady(PUBLISH_BATCH_MAX);
      const first = await this.#takeSequences(batch.length);
      if (first === undefined) return;
      const transitions = batch.map(({ transition }, index) => ({ sequence: first + index, ...transition }));
      await this.#keep(transitions);
      for (const transition of transitions) this.#tell(transition);
      this.#pending.haveLeft(batch);
    }
  }

  /** Tries until it works: a number that may come twice is worse than a wait. undefined when closing. */
  async #takeSequences(count: number): Promise<number | undefined> {
    for (let pause = RESERVE_PAUSE_MS; ; pause = Math.min(pause * 2, RESERVE_PAUSE_LONGEST_MS)) {
      try {
        return await this.#journal.take(count);
      } catch (error) {
        this.#onAlarm({ kind: 'stream-blocked', reason: textOf(error) });
        const isOver = await sleep(this.#clock, pause, this.#closing.signal).then(
          () => false,
          () => true,
        );
        if (isOver) return undefined;
      }
    }
  }

  /** The records say what is true; a history that cannot be written must not keep anybody from learning it. */
  async #keep(transitions: readonly Transition[]): Promise<void> {
    try {
      await this.#journal.append(transitions);
    } catch (error) {
      const [from, to] = [transitions.at(0)?.sequence ?? 0, transitions.at(-1)?.sequence ?? 0];
      this.#onAlarm({ kind: 'history-gap', from, to, reason: textOf(error) });
    }
  }

  #tell(transition: Transition): void {
    this.#lastOut = transition.sequence;
    for (const subscriber of this.#subscribers) subscriber.offer(transition);
    for (const listener of this.#listeners) {
      try {
        listener(transition);
      } catch (error) {
        this.#onAlarm({ kind: 'listener-failed', reason: textOf(error) });
      }
    }
  }

  async *#stream(
    queue: SubscriberQueue,
    options: SubscribeOptions,
    lastOut: number,
    leave: () => void,
  ): AsyncGenerator<StreamItem> {
    try {
      if (options.after !== undefined && options.after < lastOut) {
        for await (const item of this.#journal.readFrom(options.after + 1)) {
          if (options.signal.aborted) return;
          if (item.kind === 'gone') yield item;
          else if (item.entry.sequence > lastOut) break;
          else yield { kind: 'transition', transition: item.entry };
        }
      }
      yield* queue.items();
    } finally {
      leave();
    }
  }
}

function shortened(transition: NewTransition): NewTransition {
  const { detail } = transition;
  if (detail === undefined || detail.length <= DETAIL_LENGTH_MAX) return transition;
  return { ...transition, detail: `${detail.slice(0, DETAIL_LENGTH_MAX - 1)}…` };
}

function closed(): StewardError {
  return new StewardError('unavailable', 'The program is stopping.');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
