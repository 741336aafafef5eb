/** What `doctor` found out about one thing this machine can or cannot do. */
export interface Finding {
  readonly name: string;
  readonly verdict: Verdict;
  /** What was found. */
  readonly found: string;
  /** What to do about it; empty when all is well. */
  readonly remedy: string;
}

/** `missing` fails the doctor; with a `warning` the system works, but something is weaker or not offered. */
export type Verdict = 'ok' | 'warning' | 'missing';

export function ok(name: string, found: string): Finding {
  return { name, verdict: 'ok', found, remedy: '' };
}

export function warning(name: string, found: string, remedy: string): Finding {
  return { name, verdict: 'warning', found, remedy };
}

export function missing(name: string, found: string, remedy: string): Finding {
  return { name, verdict: 'missing', found, remedy };
}
