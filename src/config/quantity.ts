/** What a suffix multiplies by; the last one is binary, the others decimal. */
const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The number a Kubernetes quantity stands for (`10Gi`, `500m`, `1e3`, `1.5G`, or a plain number); undefined
 * when it is none. For bytes, amounts up to 8 Pi are exact.
 */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)([a-zA-Z]{0,2})$/.exec(value);
  const [, amount, suffix] = match ?? [];
  if (amount === undefined || suffix === undefined) return undefined;
  const factor = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
  const hasBoth = suffix !== '' && /[eE]/.test(amount);
  return factor === undefined || hasBoth ? undefined : Number(amount) * factor;
}

/** Bytes as people and Kubernetes write them: `10Gi`, `1.5Mi`, `512`. */
export function formatBytes(bytes: number): string {
  for (const suffix of ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const amount = bytes / (SUFFIXES[suffix] ?? 1);
    if (Math.abs(amount) >= 1) return `${Number(amount.toFixed(1))}${suffix}`;
  }
  return String(bytes);
}
