import { STOPS_PER_RUN_MAX } from '../bounds.js';
import type { Alarm } from './alarm.js';

/**
 * Keeps a control loop from taking everything down at once: what would be too much is not done, and an alarm is raised
 * until it is less or somebody calls `resume`.
 */
export class StopGuard {
  readonly alarm: Alarm;
  readonly #share: number;
  readonly #onAlarm: (reason: string) => void;
  #resumed = false;

  /** `share`: of the rows that are open, the largest part that one run may stop. */
  constructor(alarm: Alarm, share: number, onAlarm: (reason: string) => void) {
    this.alarm = alarm;
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
    if (refusal !== undefined && !this.#resumed) {
      if (this.alarm.raise(refusal)) this.#onAlarm(refusal);
      return [];
    }
    this.alarm.clear();
    // What does not fit into this run is what the next one was told to go on with.
    if (rows.length > 0 && rows.length <= STOPS_PER_RUN_MAX) this.#resumed = false;
    return rows.slice(0, STOPS_PER_RUN_MAX);
  }

  /** Lets the next runs stop whatever they find, until that was done once. */
  resume(): void {
    this.#resumed = true;
    this.alarm.clear();
  }
}
