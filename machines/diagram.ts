import type { AnyStateMachine } from 'xstate';
import { type DiagramEdge, type DiagramState, graphOf } from './diagram-graph.js';

/** Where a transition begins that every state shown has in common. */
const ANY = 'any';

/** One Mermaid `stateDiagram-v2`: a state with states inside, and where they lead. */
export interface MermaidDiagram {
  /** Dotted path of the state; '' for the machine as a whole. */
  readonly path: string;
  readonly text: string;
}

/**
 * The machine as Mermaid text: an overview, then one diagram per state that has states inside, because Mermaid
 * cannot draw a transition between the insides of two states. What is outside is drawn as a plain state.
 */
export function mermaidOf(machine: AnyStateMachine): readonly MermaidDiagram[] {
  const { root, edges } = graphOf(machine);
  return withInner(root).map((state) => ({ path: state.path, text: diagram(state, edges) }));
}

function withInner(state: DiagramState): DiagramState[] {
  return state.inner.length === 0 ? [] : [state, ...state.inner.flatMap(withInner)];
}

function diagram(state: DiagramState, edges: readonly DiagramEdge[]): string {
  const shown = merged(edges.flatMap((edge) => seenFrom(state, edge)));
  const outside = shown.flatMap(({ from, to }) => [from, to]).filter((path) => !isInside(state, path));
  return [
    'stateDiagram-v2',
    ...state.inner.map(declaration),
    ...[...new Set(outside)].map((path) => `  ${idOf(path)} : ${path}`),
    ...(state.initial === undefined ? [] : [`  [*] --> ${idOf(state.initial)}`]),
    ...shown.map(
      ({ from, to, label }) => `  ${idOf(from)} --> ${idOf(to)}${label === '' ? '' : ` : ${label}`}`,
    ),
    ...state.inner.filter(({ kind }) => kind === 'final').map(({ path }) => `  ${idOf(path)} --> [*]`),
    '',
  ].join('\n');
}

function declaration({ path, name, kind }: DiagramState): string {
  if (kind === 'choice') return `  state ${idOf(path)} <<choice>>`;
  return `  ${idOf(path)} : ${kind === 'parallel' ? `${name} (parallel)` : name}`;
}

/** The edge between the states this diagram shows; none when it is not visible here. */
function seenFrom(state: DiagramState, edge: DiagramEdge): DiagramEdge[] {
  if (edge.from === state.path) {
    const inside = state.inner.find((inner) => isSelfOrInside(inner, edge.to));
    return inside === undefined ? [] : [{ ...edge, from: ANY, to: inside.path }];
  }
  const from = state.inner.find((inner) => isSelfOrInside(inner, edge.from));
  if (from === undefined) return [];
  const to = state.inner.find((inner) => isSelfOrInside(inner, edge.to))?.path ?? edge.to;
  if (from.path === to && edge.from !== edge.to) return [];
  return [{ from: from.path, to, label: edge.label }];
}

/** One arrow per pair of states, with everything that leads along it. */
function merged(edges: readonly DiagramEdge[]): DiagramEdge[] {
  const labels = new Map<string, { edge: DiagramEdge; labels: Set<string> }>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to}`;
    const entry = labels.get(key) ?? { edge, labels: new Set() };
    if (edge.label !== '') entry.labels.add(edge.label);
    labels.set(key, entry);
  }
  return [...labels.values()].map(({ edge, labels: all }) => ({ ...edge, label: [...all].join('<br/>') }));
}

function isInside(state: DiagramState, path: string): boolean {
  return state.inner.some((inner) => inner.path === path);
}

function isSelfOrInside({ path }: DiagramState, other: string): boolean {
  return other === path || other.startsWith(`${path}.`);
}

function idOf(path: string): string {
  return path.replaceAll('.', '_');
}
