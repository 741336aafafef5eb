import type { Transition } from '../../machines/transition.js';
import { StewardError } from '../errors/steward-error.js';
import { UNPUBLISHED_MAX } from './bounds.js';

/** A transition before it has left; it gets its sequence number when it does. */
export type NewTransition = Omit<Transition, 'sequence'>;

export interface Pending {
  /** Grows by one per published transition of this run of the program. */
  readonly ticket: number;
  readonly transition: NewTransition;
  isDurable: boolean;
}

interface Waiter {
  readonly ticket: number;
  readonly resolve: () => void;
  readonly reject: (error: StewardError) => void;
}

/** What is on its way of one instance. */
interface Lane {
  /** In order; the first of them is not durable. */
  held: Pending[];
  /** How many are free to leave and have not left, and the ticket of the last of them. */
  leaving: number;
  lastLeaving: number;
  waiters: Waiter[];
}

/**
 * What was published and has not left yet, in order per instance: a transition whose record is not on disk
 * holds back those of its instance behind it, and nobody else's.
 */
export class PendingTransitions {
  /** Only instances that have something on its way. */
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Pending[] = [];
  #tickets = 0;
  #count = 0;

  add(transition: NewTransition, isDurable: boolean): number {
    if (this.#count >= UNPUBLISHED_MAX) {
      throw new StewardError('overloaded', `${UNPUBLISHED_MAX} transitions wait for their records.`);
    }
    this.#count += 1;
    this.#tickets += 1;
    const pending = { ticket: this.#tickets, transition, isDurable };
    const lane = this.#lanes.get(transition.instance) ?? {
      held: [],
      leaving: 0,
      lastLeaving: 0,
      waiters: [],
    };
    this.#lanes.set(transition.instance, lane);
    lane.held.push(pending);
    this.#free(lane);
    return pending.ticket;
  }

  /** What the instance published up to and with `upTo` is on disk; later ones stay held. */
  release(instance: string, upTo: number): void {
    const lane = this.#lanes.get(instance);
    if (lane === undefined) return;
    for (const pending of lane.held) if (pending.ticket <= upTo) pending.isDurable = true;
    this.#free(lane);
  }

  /** Drops what is held of the instance: its record will never be written. */
  discard(instance: string, error: StewardError): void {
    const lane = this.#lanes.get(instance);
    const first = lane?.held[0];
    if (lane === undefined || first === undefined) return;
    this.#count -= lane.held.length;
    lane.held = [];
    for (const waiter of lane.waiters) if (waiter.ticket >= first.ticket) waiter.reject(error);
    lane.waiters = lane.waiters.filter(({ ticket }) => ticket < first.ticket);
    if (lane.leaving === 0) this.#lanes.delete(instance);
  }

  takeReady(limit: number): Pending[] {
    return this.#ready.splice(0, limit);
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Call when they have left: whoever waited for them goes on. */
  haveLeft(pendings: readonly Pending[]): void {
    this.#count -= pendings.length;
    for (const { ticket, transition } of pendings) {
      const lane = this.#lanes.get(transition.instance);
      if (lane === undefined) continue;
      lane.leaving -= 1;
      for (const waiter of lane.waiters) if (waiter.ticket <= ticket) waiter.resolve();
      lane.waiters = lane.waiters.filter((waiter) => waiter.ticket > ticket);
      if (lane.leaving === 0 && lane.held.length === 0) this.#lanes.delete(transition.instance);
    }
  }

  /** Resolves when everything the instance has published by now has left; at once when it has. */
  settled(instance: string): Promise<void> {
    const lane = this.#lanes.get(instance);
    if (lane === undefined) return Promise.resolve();
    const ticket = lane.held.at(-1)?.ticket ?? lane.lastLeaving;
    return new Promise((resolve, reject) => {
      lane.waiters.push({ ticket, resolve, reject });
    });
  }

  rejectAll(error: StewardError): void {
    for (const lane of this.#lanes.values()) for (const waiter of lane.waiters) waiter.reject(error);
    this.#lanes.clear();
  }

  /** Lets those go that nothing holds back any more. */
  #free(lane: Lane): void {
    const firstHeld = lane.held.findIndex(({ isDurable }) => !isDurable);
    const free = lane.held.splice(0, firstHeld < 0 ? lane.held.length : firstHeld);
    this.#ready.push(...free);
    lane.leaving += free.length;
    lane.lastLeaving = free.at(-1)?.ticket ?? lane.lastLeaving;
  }
}
