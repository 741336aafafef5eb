import type { Backoff, Restart, Shutdown } from '../../../src/supervision/spec.js';

/** What one run of a scripted worker does; times in virtual milliseconds. */
export interface Behaviour {
  readonly start: { readonly kind: 'ok' | 'ignore' | 'error' | 'hang'; readonly afterMs: number };
  /** Counted from the end of its start; a worker without it runs until it is stopped. */
  readonly exit?: { readonly kind: 'normal' | 'shutdown' | 'abnormal'; readonly afterMs: number };
  readonly stop: { readonly kind: 'clean' | 'crash' | 'hang'; readonly afterMs: number };
  /** Ends what it has in hand when its signal aborts; otherwise it goes on as if nothing had happened. */
  readonly obeys: boolean;
  /** Its kill hook reports something that is still there. */
  readonly leaks: boolean;
}

export const STEADY: Behaviour = {
  start: { kind: 'ok', afterMs: 0 },
  stop: { kind: 'clean', afterMs: 0 },
  obeys: true,
  leaks: false,
};

interface Entry {
  readonly name: string;
  readonly restart: Restart;
  readonly significant: boolean;
}

export interface WorkerScript extends Entry {
  readonly kind: 'worker';
  readonly shutdown: Shutdown;
  readonly startWithinMs: number;
  /** The n-th start of this path does what the n-th entry says; after the last one it is `STEADY`. */
  readonly runs: readonly Behaviour[];
}

export interface SupervisorScript extends Entry {
  readonly kind: 'supervisor';
  readonly strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one';
  readonly intensity: { readonly restarts: number; readonly periodMs: number };
  readonly backoff: Required<Backoff>;
  readonly autoShutdown: 'never' | 'any-significant' | 'all-significant';
  readonly onExhausted: 'escalate' | 'park';
  readonly children: readonly Script[];
}

export type Script = WorkerScript | SupervisorScript;

/** What somebody outside does at a time. */
export type Command =
  | { readonly at: number; readonly kind: 'stop' }
  | {
      readonly at: number;
      readonly kind: 'terminate' | 'restart' | 'delete';
      readonly supervisor: string;
      readonly child: string;
    }
  | { readonly at: number; readonly kind: 'retry'; readonly supervisor: string };

/** A small fraction of a millisecond that differs by name, so that things at the same moment are rare. */
export function offset(...names: readonly (string | number)[]): number {
  let hash = 2166136261;
  for (const character of names.join('|')) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619) >>> 0;
  return (hash % 65521) / 65536;
}

/** The same sequence of fractions for the model and the real one. */
export function fractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
