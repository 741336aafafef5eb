import { median } from './row.js';

/** One of several ways to do the same. */
export interface Contestant {
  readonly name: string;
  /** Not measured: what has to be so before each run. */
  readonly before?: (round: number) => unknown;
  readonly run: (round: number) => unknown;
}

/**
 * Medians in milliseconds of contestants that take turns, each going first as often as the others, so that what the
 * machine does besides hits all of them.
 */
export async function interleaved<Name extends string>(
  rounds: number,
  contestants: readonly (Contestant & { readonly name: Name })[],
): Promise<Readonly<Record<Name, number>>> {
  const times = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = contestants.map((_, index) => contestants[(index + round) % contestants.length]);
    for (const contestant of order) {
      if (contestant === undefined) continue;
      await contestant.before?.(round);
      const start = performance.now();
      await contestant.run(round);
      times.get(contestant.name)?.push(performance.now() - start);
    }
  }
  const medians = contestants.map(({ name }) => [name, median(times.get(name) ?? [])]);
  return Object.fromEntries(medians);
}
