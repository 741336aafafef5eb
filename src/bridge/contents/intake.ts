import type {
  WatchTransitionsRequest,
  WatchTransitionsResponse,
} from '../../gen/steward/v1/content_service.js';
import type { Transition } from '../../gen/steward/v1/transition.js';
import { stateAfter } from './actor-state.js';
import { type Place, WaitingStates } from './waiting-states.js';

type TransitionEvent = NonNullable<WatchTransitionsResponse['event']>;

/** A node whose contents must be listed. */
interface Unlisted {
  /** How far it was read. */
  readonly place: Place;
  /** Grows with each reason to list: a list that was begun before the last one is not enough. */
  readonly reasons: number;
}

/**
 * What one stream of transitions says, and what must be listed beside it: the contents of a node of which transitions
 * are missing. How far such a node was read counts only once that list was taken. The stream begins with the last
 * transition that was taken before: a node that lost its history and counts anew has another one of that number.
 */
export class Intake {
  readonly waiting = new WaitingStates();
  /** How far each node was taken before the stream began. */
  readonly #began: ReadonlyMap<string, Place>;
  readonly #reached: Map<string, Place>;
  readonly #unlisted = new Map<string, Unlisted>();

  constructor(began: ReadonlyMap<string, Place>) {
    this.#began = began;
    this.#reached = new Map(began);
  }

  /** What to ask the manager for. */
  request(): WatchTransitionsRequest {
    const places = [...this.#began].filter(([, { sequence }]) => sequence > 0n);
    return {
      // Of a node that is new everything it keeps: only so all of its actors are known.
      fromSequence: 1n,
      fromSequenceByNode: Object.fromEntries(places.map(([node, { sequence }]) => [node, sequence])),
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
    for (const [node, { place, reasons }] of this.#unlisted) {
      if (begun.get(node) !== reasons) continue;
      this.#unlisted.delete(node);
      this.waiting.reached(node, place);
    }
  }

  /** Answers the node that lost its history and counts anew: where it was read to means nothing any more. */
  take(event: TransitionEvent): string | undefined {
    switch (event.$case) {
      case 'transition':
        return this.#taken(event.value);
      case 'gap': {
        const { node, toSequence } = event.value;
        const reasons = (this.#unlisted.get(node)?.reasons ?? 0) + 1;
        const place = { sequence: toSequence, at: 0n };
        this.#unlisted.set(node, { place, reasons });
        this.#reached.set(node, place);
        return undefined;
      }
      case 'caughtUp': {
        const { node, sequence } = event.value;
        if (sequence < (this.#began.get(node)?.sequence ?? 0n)) return node;
        if (sequence > (this.#reached.get(node)?.sequence ?? 0n)) this.#reach(node, { sequence, at: 0n });
        return undefined;
      }
      case 'progress':
        return undefined;
    }
  }

  #taken(transition: Transition): string | undefined {
    const { node, sequence, atMs: at } = transition;
    const began = this.#began.get(node);
    if (began !== undefined && sequence <= began.sequence) {
      const isOther = sequence === began.sequence && began.at !== 0n && began.at !== at;
      return isOther ? node : undefined;
    }
    const state = stateAfter(transition);
    if (state !== undefined) this.waiting.add(state);
    this.#reach(node, { sequence, at });
    return undefined;
  }

  #reach(node: string, place: Place): void {
    this.#reached.set(node, place);
    const unlisted = this.#unlisted.get(node);
    if (unlisted === undefined) this.waiting.reached(node, place);
    else this.#unlisted.set(node, { ...unlisted, place });
  }
}
