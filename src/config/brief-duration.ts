const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Milliseconds as people say them, in two steps at most: `350ms`, `4.2s`, `3m20s`, `5h`, `12d`. */
export function briefDuration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < SECOND_MS) return `${ms}ms`;
  if (ms < 10 * SECOND_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return twoSteps(ms, MINUTE_MS, 'm', SECOND_MS, 's');
  if (ms < 2 * DAY_MS) return twoSteps(ms, HOUR_MS, 'h', MINUTE_MS, 'm');
  return `${Math.floor(ms / DAY_MS)}d`;
}

function twoSteps(ms: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${largeUnit}${rest === 0 ? '' : `${rest}${smallUnit}`}`;
}
