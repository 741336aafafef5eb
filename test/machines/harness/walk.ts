import { isDeepStrictEqual } from 'node:util';
import { transition } from 'xstate';
import { happeningsIn, lateEnds } from './happenings.js';
import type { Situation, Spec } from './spec.js';
import { difference, expected, expectedStart, ruleOf, type Seen, seen, start } from './step.js';

/**
 * Takes the machine along a random walk on its own snapshots, with whatever they carry along, and compares every
 * step, and the effects that are alive after it, with the relation. Late results come now and then.
 */
export function walk<Context extends object>(
  spec: Spec<Context>,
  begin: number,
  choices: readonly number[],
): string | undefined {
  const first = spec.starts[begin % spec.starts.length];
  if (first === undefined) return 'the relation has no start';
  let stepped = start(spec.machine, first.input);
  let want = expectedStart(spec, first);
  const path = [first.name];
  for (const choice of choices) {
    const fault = difference(want, seen(stepped)) ?? aliveFault(spec, want, Object.keys(stepped[0].children));
    if (fault !== undefined) return `${path.join(' → ')}: ${fault}`;
    if (want.status !== 'active') return undefined;
    const possible = [
      ...happeningsIn(spec, want),
      ...lateEnds(spec, want).slice(choice % 7, (choice % 7) + 1),
    ];
    const happening = possible[choice % possible.length];
    if (happening === undefined) return `nothing can happen in ${want.state}`;
    path.push(happening.name);
    want = expected(spec, want, happening);
    stepped = transition(spec.machine, stepped[0], happening.event);
  }
  return undefined;
}

/** The effects that are alive are those of the present state, and no others. */
function aliveFault<Context>(
  spec: Spec<Context>,
  { state, context, status }: Situation<Context> & Pick<Seen, 'status'>,
  alive: readonly string[],
): string | undefined {
  const runs = ruleOf(spec, state).runs?.(context) ?? [];
  const wanted = runs.map((_, index) => `${index}.${spec.machine.id}.${state}`);
  wanted.push(...(spec.children?.(context) ?? []));
  if (status !== 'active' || isDeepStrictEqual([...alive].sort(), wanted.sort())) return undefined;
  return `alive: ${JSON.stringify(alive)} instead of ${JSON.stringify(wanted)}`;
}
