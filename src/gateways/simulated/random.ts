import type { Random } from '../random.js';

/** Randomness from a seed: the same seed gives the same numbers, on every machine. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1), from 32 bits (the generator known as mulberry32). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Buffer.from(bytes).toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next() & 0xff);
  }

  /** Whole numbers from `low` up to and with `high`. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  isHit(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** undefined only for an empty list. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.integer(0, list.length - 1)];
  }

  /** A generator of its own, so that drawing more in one place does not change what another draws. */
  fork(): SeededRandom {
    return new SeededRandom(this.#next());
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
