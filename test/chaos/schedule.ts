import { CYCLE, type KillCounts, pointOf } from './daemon-suite.js';
import type { PointName } from './points.js';

/** What the kills of a long run must come to. */
export interface Goal {
  readonly kills: number;
  readonly atEachPoint: number;
  /** Only these; empty: all, and anywhere. */
  readonly points: readonly PointName[];
}

/** Rounds for one point after which it counts as one that cannot be reached often enough here. */
const ROUNDS_AT_POINT_MAX = 12;

/** Says which seed comes next: one for the point that was met least, until the goal is reached. */
export class Schedule {
  readonly #goal: Goal;
  readonly #counts: KillCounts;
  readonly #firstSeed: number;
  /** By their place in the cycle, the unaimed ones too. */
  readonly #begun = Array.from({ length: CYCLE }, () => 0);
  readonly #running = new Map<number, number>();

  constructor(goal: Goal, counts: KillCounts, firstSeed: number) {
    this.#goal = goal;
    this.#counts = counts;
    this.#firstSeed = firstSeed;
  }

  /** undefined when there is nothing more to be done. */
  next(): number | undefined {
    const left = this.#begun.flatMap((rounds, place) =>
      this.#isAskedFor(place) && this.#isDue(place, rounds) ? [place] : [],
    );
    const place = left.sort((one, other) => this.#met(one) - this.#met(other) || one - other)[0];
    if (place === undefined) return undefined;
    const rounds = this.#begun[place] ?? 0;
    this.#begun[place] = rounds + 1;
    this.#running.set(place, (this.#running.get(place) ?? 0) + 1);
    return this.#seedOf(place) + rounds * CYCLE;
  }

  done(seed: number): void {
    const place = seed % CYCLE;
    this.#running.set(place, (this.#running.get(place) ?? 1) - 1);
  }

  #isAskedFor(place: number): boolean {
    const { points } = this.#goal;
    const point = pointOf(place);
    return points.length === 0 || (point !== undefined && points.includes(point));
  }

  #isDue(place: number, rounds: number): boolean {
    if (this.#counts.kills < this.#goal.kills)
      return rounds < ROUNDS_AT_POINT_MAX || pointOf(place) === undefined;
    return this.#met(place) < this.#goal.atEachPoint && rounds < ROUNDS_AT_POINT_MAX;
  }

  /** Kills at its point so far, counting what is under way. Those that come anywhere count by their rounds. */
  #met(place: number): number {
    const point = pointOf(place);
    const promised = (this.#running.get(place) ?? 0) * KILLS_EXPECTED;
    if (point === undefined) return (this.#begun[place] ?? 0) * KILLS_EXPECTED;
    return (this.#counts.atPoint.get(point) ?? 0) + promised;
  }

  #seedOf(place: number): number {
    return this.#firstSeed + ((place - (this.#firstSeed % CYCLE) + CYCLE) % CYCLE);
  }
}

/** Of the kills of a round, so many come at its point. */
const KILLS_EXPECTED = 6;

/** Points that were met too rarely. */
export function tooRare(
  points: readonly PointName[],
  counts: KillCounts,
  least: number,
): readonly PointName[] {
  return points.filter((point) => (counts.atPoint.get(point) ?? 0) < least);
}
