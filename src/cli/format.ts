/** Milliseconds since the epoch as local wall-clock time of day with milliseconds: `14:03:59.120`. */
export function formatTimeOfDay(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

/** Milliseconds since the epoch in UTC: `2026-01-31T14:03:59.120Z`. */
export function formatTime(ms: number | bigint): string {
  return new Date(Number(ms)).toISOString();
}
