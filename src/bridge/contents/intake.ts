import type {
  WatchTransitionsRequest,
  WatchTransitionsResponse,
} from '../../gen/steward/v1/content_service.js';
import { stateAfter } from './actor-state.js';
import { WaitingStates } from './waiting-states.js';

type TransitionEvent = NonNullable<WatchTransitionsResponse['event']>;

/** A node whose contents must be listed. */
interface Unlisted {
  /** How far it was read. */
  readonly sequence: bigint;
  /** Grows with each reason to list: a list that was begun before the last one is not enough. */
  readonly reasons: number;
}

/**
 * What one stream of transitions says, and what must be listed beside it: the contents of a node of which transitions
 * are missing. How far such a node was read counts only once that list was taken.
 */
export class Intake {
  readonly waiting = new WaitingStates();
  /** How far each node was taken before the stream began. */
  readonly #began: ReadonlyMap<string, bigint>;
  readonly #unlisted = new Map<string, Unlisted>();

  constructor(began: ReadonlyMap<string, bigint>) {
    this.#began = began;
  }

  /** What to ask the manager for. */
  request(): WatchTransitionsRequest {
    const places = [...this.#began].map(([node, sequence]) => [node, sequence + 1n] as const);
    return {
      // Of a node that is new everything it keeps: only so all of its actors are known.
      fromSequence: 1n,
      fromSequenceByNode: Object.fromEntries(places),
      instanceIds: [],
      follow: true,
    };
  }

  get isListWanted(): boolean {
    return this.#unlisted.size > 0;
  }

  /** What a list that is begun now is good for; for `listed` at its end. */
  get reasons(): ReadonlyMap<string, number> {
    return new Map([...this.#unlisted].map(([node, { reasons }]) => [node, reasons]));
  }

  /** A list was added to what waits; `begun` are the reasons there were at its beginning. */
  listed(begun: ReadonlyMap<string, number>): void {
    for (const [node, { sequence, reasons }] of this.#unlisted) {
      if (begun.get(node) !== reasons) continue;
      this.#unlisted.delete(node);
      this.waiting.reached(node, sequence);
    }
  }

  /** Answers the node that lost its history and counts anew: where it was read to means nothing any more. */
  take(event: TransitionEvent): string | undefined {
    switch (event.$case) {
      case 'transition': {
        const state = stateAfter(event.value);
        if (state !== undefined) this.waiting.add(state);
        this.#reached(event.value.node, event.value.sequence);
        return undefined;
      }
      case 'gap':
        this.#wantList(event.value.node, event.value.toSequence);
        return undefined;
      case 'caughtUp': {
        const { node, sequence } = event.value;
        const began = this.#began.get(node);
        if (began !== undefined && sequence < began) return node;
        this.#reached(node, sequence);
        return undefined;
      }
      case 'progress':
        return undefined;
    }
  }

  #reached(node: string, sequence: bigint): void {
    const unlisted = this.#unlisted.get(node);
    if (unlisted === undefined) this.waiting.reached(node, sequence);
    else this.#unlisted.set(node, { ...unlisted, sequence });
  }

  #wantList(node: string, sequence: bigint): void {
    const reasons = (this.#unlisted.get(node)?.reasons ?? 0) + 1;
    this.#unlisted.set(node, { sequence, reasons });
  }
}
