import { TIME_MAX_MS } from '../bounds.js';

/** ISO 8601 with milliseconds and `Z`, as the database keeps instants; texts order like the instants. */
export function isoTime(milliseconds: number): string {
  if (milliseconds !== last.milliseconds) {
    last = { milliseconds, text: new Date(milliseconds).toISOString() };
  }
  return last.text;
}

/** Much of a busy bridge happens in the same millisecond. */
let last = { milliseconds: 0, text: new Date(0).toISOString() };

/** Milliseconds of a wire timestamp; undefined when it is absent or no time at all. */
export function millisecondsOf(date: Date | undefined): number | undefined {
  const milliseconds = date?.getTime();
  if (milliseconds === undefined || !(Math.abs(milliseconds) <= TIME_MAX_MS)) return undefined;
  return milliseconds;
}
