import { describe, expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { machines } from '../../machines/catalog.js';
import { mermaidOf } from '../../machines/diagram.js';
import { graphOf } from '../../machines/diagram-graph.js';

describe.each(Object.entries(machines))('the machine %s', (_, machine) => {
  it('leaves no end of an effect without a transition: such an error would take the machine down', () => {
    for (const node of nodesOf(machine.root)) {
      for (const { id } of node.invoke) {
        expect([...node.transitions.keys()]).toContain(`xstate.done.actor.${id}`);
        expect([...node.transitions.keys()]).toContain(`xstate.error.actor.${id}`);
      }
    }
  });

  it('keeps its time in its data: a delayed transition would not survive a restart', () => {
    for (const node of nodesOf(machine.root)) expect(node.after).toEqual([]);
  });

  it('is drawn with every state and every transition that leads anywhere', () => {
    const text = mermaidOf(machine)
      .map((diagram) => diagram.text)
      .join('\n');
    const { edges } = graphOf(machine);
    for (const node of nodesOf(machine.root).slice(1)) expect(text).toContain(node.path.join('_'));
    for (const { label } of edges.filter((edge) => edge.label !== '')) expect(text).toContain(label);
  });
});

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}
