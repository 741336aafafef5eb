import { fromPromise } from 'xstate';

/**
 * The place of an effect in a machine: what it takes and what it gives. src/ puts the real one in with
 * `machine.provide`; without that it fails, so a machine never pretends to have done something.
 */
export function effect<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`no effect was provided for "${name}"`)));
}

/** What every finished effect says beside its result: when it ended, in milliseconds since the epoch. */
export interface Done {
  readonly at: number;
}

/** A finished effect after which something is to happen at a random time, because machines have no randomness. */
export interface Drawn extends Done {
  /** Uniform in [0, 1). */
  readonly jitter: number;
}
