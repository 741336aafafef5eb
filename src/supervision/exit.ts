/**
 * How a child ended by itself. `normal` and `shutdown` are expected ends: only a permanent child is restarted
 * after them. `abnormal` is a failure: permanent and transient children are restarted.
 */
export type Exit =
  | { readonly kind: 'normal' }
  | { readonly kind: 'shutdown'; readonly detail?: string }
  | { readonly kind: 'abnormal'; readonly error: Error };

/** Something that is still there after a kill: a process in uninterruptible sleep, a task that ignores its signal. */
export interface Leak {
  /** What it is, in one word: `process`, `mount`, `task`, … */
  readonly kind: string;
  /** Which one and why, for a person. */
  readonly detail: string;
}

/**
 * How a stop ended. `clean`: the child stopped within its deadline. `forced`: it was killed, and nothing is left.
 * `leaked`: it was killed, and `leaks` are still there. A supervisor's outcome is the worst of its children's.
 */
export type Stopped =
  | { readonly outcome: 'clean' }
  | { readonly outcome: 'forced' }
  | { readonly outcome: 'leaked'; readonly leaks: readonly Leak[] };

export const NORMAL: Exit = { kind: 'normal' };
export const SHUTDOWN: Exit = { kind: 'shutdown' };
export const CLEAN: Stopped = { outcome: 'clean' };
export const FORCED: Stopped = { outcome: 'forced' };

/** Any thrown thing as an abnormal exit. */
export function abnormal(thrown: unknown): Exit {
  return { kind: 'abnormal', error: toError(thrown) };
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The worst of several outcomes, with all their leaks. */
export function worst(stops: readonly Stopped[]): Stopped {
  const leaks = stops.flatMap((stop) => (stop.outcome === 'leaked' ? stop.leaks : []));
  if (leaks.length > 0) return { outcome: 'leaked', leaks };
  return stops.some((stop) => stop.outcome === 'forced') ? FORCED : CLEAN;
}
