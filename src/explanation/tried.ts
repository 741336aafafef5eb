import type { Transition } from '../gen/steward/v1/transition.js';
import { TRIED_SHOWN_MAX } from './bounds.js';
import type { Facts } from './facts.js';
import type { Moments } from './moments.js';
import { workIn } from './step-words.js';

/** One kind of failure, however often it came. */
interface Trouble {
  readonly what: string;
  readonly detail: string;
  count: number;
  lastMs: bigint;
}

/** What failed or took too long, oldest first, the same failure told once; the newest kinds of many. */
export function triedSentences(facts: Facts, moments: Moments): readonly string[] {
  const troubles = new Map<string, Trouble>();
  for (const transition of facts.transitions) {
    const what = failureIn(transition);
    if (what === undefined) continue;
    const { detail, atMs } = transition;
    const key = `${transition.actor} ${what} ${detail}`;
    const before = troubles.get(key);
    // The newest time decides where it stands in the order.
    troubles.delete(key);
    troubles.set(key, { what, detail, count: (before?.count ?? 0) + 1, lastMs: atMs });
  }
  return [...troubles.values()].slice(-TRIED_SHOWN_MAX).map((trouble) => sentence(trouble, moments));
}

/** What failed in this step; undefined when it did not come from a failure. */
export function failureIn({ actor, cause }: Transition): string | undefined {
  const [, step, how] = /^(.+)\.(failed|overdue)$/.exec(cause) ?? [];
  if (step === undefined) return undefined;
  const work = actor === 'content' || actor === 'instance' ? workIn(step) : `${actor} (${step})`;
  return `${work} ${how === 'failed' ? 'failed' : 'took too long'}`;
}

function sentence({ what, detail, count, lastMs }: Trouble, moments: Moments): string {
  const reason = detail === '' ? '' : `: ${detail}`;
  const [first = '', ...rest] = what;
  const told = `${first.toUpperCase()}${rest.join('')}`;
  if (count === 1) return `${told} ${moments.at(lastMs)}${reason}`;
  return `${told} ${count} times, the last time ${moments.at(lastMs)}${reason}`;
}
