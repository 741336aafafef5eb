import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proofs } from '../machines/relations/all.js';

describe.each(proofs)('the machine $name', ({ machine, states, starts, cases, startFault, walkFault }) => {
  it('starts where the relation says', () => {
    expect(startFault(machine)).toBeUndefined();
  });

  it('makes the transitions of the relation in every situation, and no others, and ignores the rest', () => {
    for (const situation of cases) expect(situation.fault(machine)).toBeUndefined();
  });

  it('reaches every state of the relation, and has no others', () => {
    const reached = new Set(cases.map((situation) => situation.state));
    expect(states.filter((state) => !reached.has(state))).toEqual([]);
    expect(leavesOf(machine.root).sort()).toEqual([...states].sort());
  });

  it('has a way out of every wait: its end, its failure and its deadline; deadlines alone lead to rest', () => {
    expect(cases.filter((situation) => situation.waits).length).toBeGreaterThan(0);
    for (const situation of cases) expect(situation.wayOutFault()).toBeUndefined();
  });

  it('takes no notice of results that came too late', () => {
    const first = new Map(cases.map((situation) => [situation.state, situation]));
    for (const situation of first.values()) expect(situation.lateFault(machine)).toBeUndefined();
  });

  it('follows the relation along any order of events, with no effect left over from an earlier state', () => {
    const walks = fc.array(fc.nat({ max: 5_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.nat({ max: starts - 1 }), walks, (begin, choices) => {
        expect(walkFault(begin, choices)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

interface Node {
  readonly path: readonly string[];
  readonly states: Readonly<Record<string, Node>>;
  readonly always?: readonly { readonly guard?: unknown }[] | undefined;
}

/** The states a machine can be found in: those without inner ones that it does not leave at once. */
function leavesOf(node: Node): string[] {
  const inner = Object.values(node.states);
  if (inner.length > 0) return inner.flatMap(leavesOf);
  const isLeftAtOnce = (node.always ?? []).some(({ guard }) => guard === undefined);
  return isLeftAtOnce ? [] : [node.path.join('.')];
}
