import type { AnyStateMachine } from 'xstate';
import { type DiagramEdge, type DiagramState, graphOf } from './diagram-graph.js';

/** Where a transition begins that all states have. */
const ANY = 'any';

/** The whole machine as one Graphviz graph, states with states inside as boxes around them. */
export function dotOf(machine: AnyStateMachine): string {
  const { root, edges } = graphOf(machine);
  const states = new Map(all(root).map((state) => [state.path, state]));
  return [
    `digraph ${JSON.stringify(machine.id)} {`,
    '  compound=true; rankdir=TB; nodesep=0.35; ranksep=0.45; bgcolor=white;',
    '  node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", color="#57606a", fontname="Helvetica", fontsize=12];',
    '  edge [color="#57606a", fontname="Helvetica", fontsize=9, fontcolor="#24292f", arrowsize=0.7];',
    ...root.inner.flatMap((state) => drawn(state, '  ')),
    ...(root.initial === undefined ? [] : [`  "*" [shape=point, width=0.15]; "*" -> "${root.initial}";`]),
    ...(edges.some(({ from }) => from === '') ? [`  "${ANY}" [shape=plaintext, fillcolor=white];`] : []),
    ...grouped(edges).map((edge) => arrow(edge, states)),
    '}',
    '',
  ].join('\n');
}

function drawn(state: DiagramState, indent: string): string[] {
  if (state.inner.length > 0) {
    return [
      `${indent}subgraph "cluster_${state.path}" {`,
      `${indent}  label="${state.name}"; style=rounded; color="#8c959f"; fontname="Helvetica-Bold"; fontsize=13;`,
      ...state.inner.flatMap((inner) => drawn(inner, `${indent}  `)),
      `${indent}}`,
    ];
  }
  const shape = { choice: ', shape=diamond', final: ', peripheries=2', plain: '' }[shapeOf(state)];
  return [`${indent}"${state.path}" [label="${state.name}"${shape}];`];
}

function shapeOf({ kind }: DiagramState): 'choice' | 'final' | 'plain' {
  return kind === 'choice' || kind === 'final' ? kind : 'plain';
}

/** Arrows of a box begin and end at its border, though Graphviz draws them between states. */
function arrow({ from, to, label }: DiagramEdge, states: ReadonlyMap<string, DiagramState>): string {
  const [tail, head] = [from === '' ? ANY : leafOf(from, states), leafOf(to, states)];
  const ends = [
    ...(label === '' ? [] : [`label="${label}"`]),
    ...(tail === from || tail === ANY ? [] : [`ltail="cluster_${from}"`]),
    ...(head === to ? [] : [`lhead="cluster_${to}"`]),
  ];
  return `  "${tail}" -> "${head}" [${ends.join(', ')}];`;
}

function leafOf(path: string, states: ReadonlyMap<string, DiagramState>): string {
  const initial = states.get(path)?.initial ?? states.get(path)?.inner[0]?.path;
  return initial === undefined ? path : leafOf(initial, states);
}

function grouped(edges: readonly DiagramEdge[]): DiagramEdge[] {
  const pairs = new Map<string, DiagramEdge>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to}`;
    const before = pairs.get(key);
    pairs.set(key, before === undefined ? edge : { ...edge, label: `${before.label}\\n${edge.label}` });
  }
  return [...pairs.values()];
}

function all(state: DiagramState): DiagramState[] {
  return [state, ...state.inner.flatMap(all)];
}
