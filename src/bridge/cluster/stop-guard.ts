import { RESUMED_MS, STOPS_PER_RUN_MAX } from '../bounds.js';
import type { Alarm } from './alarm.js';

/**
 * Keeps a control loop from taking everything down at once: what would be too much is not done, and an alarm is raised
 * until it is less or somebody calls `resume`.
 */
export class StopGuard {
  readonly alarm: Alarm;
  readonly #share: number;
  readonly #onAlarm: (reason: string) => void;
  readonly #resumedMs: number;
  /** Until when somebody lets more be stopped (monotonic); undefined when nobody does. */
  #resumedUntil: number | undefined;

  /** `share`: of the rows that are open, the largest part that one run may stop; `intervalMs`: between two runs. */
  constructor(alarm: Alarm, share: number, onAlarm: (reason: string) => void, intervalMs = 0) {
    this.alarm = alarm;
    this.#resumedMs = Math.max(RESUMED_MS, 2 * intervalMs);
    this.#share = share;
    this.#onAlarm = onAlarm;
  }

  /** Why so many stops at once are not made; undefined when they may be. A single one always may. */
  tooMany(stops: number, open: number): string | undefined {
    const allowed = Math.max(1, Math.floor(open * this.#share));
    if (stops <= allowed) return undefined;
    return `${stops} of ${open} rows would be stopped, and ${allowed} are allowed at once.`;
  }

  /** Of the rows that are to be stopped, those that this run may; none for a `refusal`, unless somebody has said so. */
  allow<Row>(rows: readonly Row[], refusal: string | undefined): readonly Row[] {
    if (refusal !== undefined && !this.#isResumed) {
      if (this.alarm.raise(refusal)) this.#onAlarm(refusal);
      return [];
    }
    this.alarm.clear();
    // What does not fit into this run is what the next one was told to go on with; for anything else nobody has spoken.
    if (refusal === undefined || rows.length <= STOPS_PER_RUN_MAX) this.#resumedUntil = undefined;
    else this.#resumedUntil = this.#later();
    return rows.slice(0, STOPS_PER_RUN_MAX);
  }

  /**
   * Lets the next runs stop whatever they find, until that was done once, a run found no more than it may stop anyway, or
   * none has come for minutes. False without an alarm: what nobody has seen yet is not allowed beforehand.
   */
  resume(): boolean {
    if (this.#isResumed) return true;
    if (this.alarm.raised === undefined) return false;
    this.#resumedUntil = this.#later();
    this.alarm.clear();
    return true;
  }

  get #isResumed(): boolean {
    return this.#resumedUntil !== undefined && this.alarm.clock.monotonic() < this.#resumedUntil;
  }

  #later(): number {
    return this.alarm.clock.monotonic() + this.#resumedMs;
  }
}
