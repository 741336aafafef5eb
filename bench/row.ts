/** One line of the table that `npm run bench` prints. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly against: string;
  /** What is measured against the target, e.g. `1.12 ×`. */
  readonly result: string;
  readonly target: string;
  readonly isMet: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return value >= 100 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}
