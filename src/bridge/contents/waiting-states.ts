import type { ActorState } from './actor-state.js';

/** How far a node was read. */
export interface Place {
  readonly sequence: bigint;
  /** When the transition of that number was, milliseconds since the epoch; 0 where nobody knows. */
  readonly at: bigint;
}

/** What one transaction writes. */
export interface StateBatch {
  readonly states: readonly ActorState[];
  /** How far each node is taken then. */
  readonly taken: ReadonlyMap<string, Place>;
}

/**
 * The newest states of actors that wait to be written, one per actor and node, and how far each node was read by then. A place
 * is handed out only with or after the states before it, so that going on there loses nothing.
 */
export class WaitingStates {
  readonly #states = new Map<string, ActorState>();
  #taken = new Map<string, Place>();

  get size(): number {
    return this.#states.size;
  }

  get isEmpty(): boolean {
    return this.#states.size === 0 && this.#taken.size === 0;
  }

  add(state: ActorState): void {
    const key = `${state.instance}/${state.actor}/${state.node}`;
    const waiting = this.#states.get(key);
    if (waiting !== undefined && !isNewer(state, waiting)) return;
    // A step that does not tell the state leaves that of the step before.
    this.#states.set(key, { ...state, state: state.state ?? waiting?.state });
  }

  /** Everything of `node` up to `place` was added. */
  reached(node: string, place: Place): void {
    this.#taken.set(node, place);
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

/**
 * Whether an actor is where `state` says and no more where `than` does. Nodes' clocks differ: between two of them the one
 * that the instance is on by its row prevails (`node`, where that is known), but for what begins on another one later.
 */
export function prevails(
  state: Pick<ActorState, 'node' | 'sequence' | 'since' | 'state'>,
  than: Pick<ActorState, 'node' | 'sequence' | 'since'>,
  node: string | undefined,
): boolean {
  if (state.node !== than.node) {
    if (state.node === node) return true;
    if (than.node === node && state.state !== 'SETTING_UP') return false;
  }
  return isNewer(state, than);
}

/**
 * Sequences of different nodes do not compare; then the time decides, as it does between two counts of a node that
 * began anew.
 */
function isNewer(
  state: Pick<ActorState, 'node' | 'sequence' | 'since'>,
  than: Pick<ActorState, 'node' | 'sequence' | 'since'>,
): boolean {
  if (state.since > than.since) return true;
  return state.node === than.node ? state.sequence > than.sequence : state.since === than.since;
}
