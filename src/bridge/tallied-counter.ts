import { Counter, type Registry } from 'prom-client';

/**
 * A counter for what happens thousands of times a second: it is counted here, and brought into the metric when somebody
 * asks for it. (To find a metric's value by its labels takes as long as all the rest of settling an update.)
 */
export class TalliedCounter {
  readonly #labelNames: readonly string[];
  readonly #counts = new Map<string, { readonly values: readonly string[]; count: number }>();

  constructor(registry: Registry, name: string, help: string, labelNames: readonly string[]) {
    this.#labelNames = labelNames;
    const flush = (counter: Counter) => this.#flush(counter);
    new Counter({
      ...{ name, help, labelNames: [...labelNames], registers: [registry] },
      collect() {
        flush(this);
      },
    });
  }

  /** One more, with a value for each label in their order. */
  inc(...values: readonly string[]): void {
    const key = values.join('\n');
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { values, count: 1 });
    else known.count += 1;
  }

  #flush(counter: Counter): void {
    for (const { values, count } of this.#counts.values()) {
      counter.inc(
        Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index] ?? ''])),
        count,
      );
    }
    this.#counts.clear();
  }
}
