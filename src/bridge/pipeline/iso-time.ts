import { TIME_MAX_MS } from '../bounds.js';

/** ISO 8601 with milliseconds and `Z`, as the database keeps instants; texts order like the instants. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Milliseconds of a wire timestamp; undefined when it is absent or no time at all. */
export function millisecondsOf(date: Date | undefined): number | undefined {
  const milliseconds = date?.getTime();
  if (milliseconds === undefined || !(Math.abs(milliseconds) <= TIME_MAX_MS)) return undefined;
  return milliseconds;
}
