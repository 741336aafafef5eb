/** One line of a table that `npm run bench` prints. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly against: string;
  /** What is measured against the target, e.g. `1.12 ×`. */
  readonly result: string;
  readonly target: string;
  /** undefined: told for comparison, or not measured here. */
  readonly isMet: boolean | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 100 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Ours beside an alternative: the ratio must not be above `most`; without it nothing is asked. */
export function compared(
  what: string,
  oursMs: number,
  other: { readonly ms: number; readonly name: string },
  most?: number,
): Row {
  const ratio = oursMs / other.ms;
  return {
    what,
    ours: milliseconds(oursMs),
    against: `${milliseconds(other.ms)} (${other.name})`,
    result: `${ratio.toFixed(2)} ×`,
    target: most === undefined ? '–' : `≤ ${most.toFixed(most < 1 ? 2 : 1)} ×`,
    isMet: most === undefined ? undefined : ratio <= most,
  };
}

export function notMeasured(what: string, why: string): Row {
  return { what, ours: '–', against: '–', result: `not measured: ${why}`, target: '–', isMet: undefined };
}
