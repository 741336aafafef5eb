import type { Clock } from '../../gateways/clock.js';
import type { OpenRow } from './open-rows.js';

/** A row that was found wanting: with the version it had then, and when that was. */
interface Suspect {
  readonly version: bigint;
  readonly at: number;
}

/** What one list says of a row may be a moment's truth: what two of them say, some time apart, counts. */
export class Suspects {
  readonly #clock: Clock;
  readonly #apartMs: number;
  #known: ReadonlyMap<string, Suspect> = new Map();

  /** `apartMs`: least time between the two lists, for several may be taken right after each other. */
  constructor(clock: Clock, apartMs: number) {
    this.#clock = clock;
    this.#apartMs = apartMs;
  }

  /** Of the rows that a list found wanting, those that one before it did, too, and that have not changed since. */
  confirm(found: readonly OpenRow[]): readonly OpenRow[] {
    this.#known = new Map(found.map((row) => [row.instance, this.#suspicion(row)]));
    return found.filter((row) => this.#isConfirmed(row));
  }

  /** Milliseconds since the first of the lists in a row that found it wanting, unchanged; 0 for one that none did. */
  ageOf({ instance }: OpenRow): number {
    const at = this.#known.get(instance)?.at;
    return at === undefined ? 0 : this.#clock.monotonic() - at;
  }

  /** Nobody looks for a while: what was found before says nothing afterwards. */
  forget(): void {
    this.#known = new Map();
  }

  #suspicion({ instance, version }: OpenRow): Suspect {
    const known = this.#known.get(instance);
    return known?.version === version ? known : { version, at: this.#clock.monotonic() };
  }

  #isConfirmed({ instance }: OpenRow): boolean {
    const at = this.#known.get(instance)?.at;
    const now = this.#clock.monotonic();
    return at !== undefined && now > at && now - at >= this.#apartMs;
  }
}
