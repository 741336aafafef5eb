import type { ActorState } from './actor-state.js';

/** What one transaction writes. */
export interface StateBatch {
  readonly states: readonly ActorState[];
  /** Newest sequences that are taken then, by node. */
  readonly taken: ReadonlyMap<string, bigint>;
}

/**
 * The newest states of actors that wait to be written, one per actor, and how far each node was read by then. A place
 * is handed out only with or after the states before it, so that going on there loses nothing.
 */
export class WaitingStates {
  readonly #states = new Map<string, ActorState>();
  #taken = new Map<string, bigint>();

  get size(): number {
    return this.#states.size;
  }

  get isEmpty(): boolean {
    return this.#states.size === 0 && this.#taken.size === 0;
  }

  add(state: ActorState): void {
    const key = `${state.instance}/${state.actor}`;
    const waiting = this.#states.get(key);
    if (waiting !== undefined && !isNewer(state, waiting)) return;
    // A step that does not tell the state leaves that of the step before.
    this.#states.set(key, { ...state, state: state.state ?? waiting?.state });
  }

  /** Everything of `node` up to `sequence` was added. */
  reached(node: string, sequence: bigint): void {
    if (sequence >= (this.#taken.get(node) ?? 0n)) this.#taken.set(node, sequence);
  }

  /** At most `most` states; the places only with the last of them. */
  take(most: number): StateBatch {
    const states: ActorState[] = [];
    for (const [key, state] of this.#states) {
      if (states.length >= most) break;
      states.push(state);
      this.#states.delete(key);
    }
    if (this.#states.size > 0) return { states, taken: new Map() };
    const taken = this.#taken;
    this.#taken = new Map();
    return { states, taken };
  }
}

/** Sequences of different nodes do not compare; then the time decides. */
export function isNewer(
  state: Pick<ActorState, 'node' | 'sequence' | 'since'>,
  than: Pick<ActorState, 'node' | 'sequence' | 'since'>,
): boolean {
  return state.node === than.node ? state.sequence > than.sequence : state.since >= than.since;
}
