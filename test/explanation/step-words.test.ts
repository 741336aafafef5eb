import { describe, expect, it } from 'vitest';
import { contentMachine } from '../../machines/content-state.js';
import { lifeMachine } from '../../machines/instance-life.js';
import { CONTENT_STEPS, LIFE_STEPS, workIn } from '../../src/explanation/step-words.js';

interface StateNode {
  readonly path: readonly string[];
  readonly type: string;
  readonly states: Readonly<Record<string, StateNode>>;
  readonly invoke: readonly unknown[];
}

/** All states in which an actor can be, as `stepOf` names them. */
function leaves(node: StateNode): readonly StateNode[] {
  const inner = Object.values(node.states);
  return inner.length === 0 ? [node] : inner.flatMap(leaves);
}

describe.each([
  ['content', leaves(contentMachine.root), CONTENT_STEPS],
  ['instance', leaves(lifeMachine.root), LIFE_STEPS],
] as const)('every step of the %s', (_name, states, words) => {
  const steps = states.map(({ path }) => path.join('.'));

  it('has words', () => {
    expect(steps.filter((step) => words[step] === undefined)).toEqual([]);
  });

  it('is there: words for steps that no machine has would never be said', () => {
    const without = new Set(['parked', 'restarting']);
    expect(Object.keys(words).filter((step) => !steps.includes(step) && !without.has(step))).toEqual([]);
  });

  it('that can fail is named as work', () => {
    const failing = states.filter(({ invoke }) => invoke.length > 1).map(({ path }) => path.join('.'));
    expect(failing.filter((step) => workIn(step) === step.slice(step.lastIndexOf('.') + 1))).toEqual([]);
  });
});
