import type { Clock, Timer } from '../../src/gateways/clock.js';

interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** A clock that stands still until told to run; between two callbacks everything that became ready runs. */
export class VirtualClock implements Clock {
  #now = 0;
  #sequence = 0;
  readonly #entries = new Set<Entry>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#entries.size;
  }

  schedule(at: number, callback: () => void): Timer {
    this.#sequence += 1;
    const entry = { at: Math.max(at, this.#now), sequence: this.#sequence, callback };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** Runs everything due up to and including `milliseconds` from now. */
  async advance(milliseconds: number): Promise<void> {
    await this.runUntil(this.#now + milliseconds);
  }

  async runUntil(end: number): Promise<void> {
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = next.at;
      this.#entries.delete(next);
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(end: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.at <= end && (first === undefined || isBefore(entry, first))) first = entry;
    }
    return first;
  }
}

/** Lets every promise that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence);
}
