import { briefDuration } from '../config/brief-duration.js';

/** Times as sentences say them, in UTC, seen from `now`: the date only where it is another day's. */
export class Moments {
  readonly now: number;

  constructor(now: number) {
    this.now = now;
  }

  /** `at 14:03:59 UTC (3m20s ago)` or `at 14:03:59 UTC (in 3m20s)`. */
  at(ms: number | bigint): string {
    return `at ${this.#told(Number(ms))}`;
  }

  /** `since 14:03:59 UTC (3m20s ago)`. */
  since(ms: number | bigint): string {
    return `since ${this.#told(Number(ms))}`;
  }

  /** `until 14:03:59 UTC (in 3m20s)`. */
  until(ms: number | bigint): string {
    return `until ${this.#told(Number(ms))}`;
  }

  ago(ms: number | bigint): string {
    return `${briefDuration(this.now - Number(ms))} ago`;
  }

  #told(ms: number): string {
    const [day = '', time = ''] = new Date(ms).toISOString().split('T');
    const isToday = day === new Date(this.now).toISOString().slice(0, day.length);
    const away = ms > this.now ? `in ${briefDuration(ms - this.now)}` : this.ago(ms);
    return `${isToday ? '' : `${day} `}${time.slice(0, 8)} UTC (${away})`;
  }
}
