/** Milliseconds per unit, in the order Go prints them. */
const MILLISECONDS_PER: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ns: 1e-6,
};

/**
 * Milliseconds from a duration as Go's time.ParseDuration reads it (`1h30m`, `250ms`, `-1.5s`, `0`), or from
 * a number of nanoseconds, as Go writes durations into JSON. undefined when it is neither.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value / 1e6 : undefined;
  if (typeof value !== 'string') return undefined;
  const [, sign, rest] = /^([-+]?)(.+)$/.exec(value) ?? [];
  if (rest === undefined) return undefined;
  if (rest === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns))+$/.test(rest)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of rest.matchAll(/(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)/g)) {
    total += Number(amount) * (MILLISECONDS_PER[unit] ?? 0);
  }
  return sign === '-' ? -total : total;
}

/** A duration as Go's String prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? '-' : '';
  const total = Math.abs(milliseconds);
  if (total === 0) return '0s';
  if (total < 1e-3) return `${sign}${trimmed(total * 1e6)}ns`;
  if (total < 1) return `${sign}${trimmed(total * 1e3)}µs`;
  if (total < 1_000) return `${sign}${trimmed(total)}ms`;
  const hours = Math.floor(total / 3_600_000);
  const minutes = Math.floor((total % 3_600_000) / 60_000);
  const seconds = `${trimmed((total % 60_000) / 1_000)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function trimmed(amount: number): string {
  return String(Number(amount.toFixed(9)));
}
