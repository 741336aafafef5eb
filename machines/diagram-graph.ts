import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** A state as a diagram shows it. */
export interface DiagramState {
  /** Dotted path: `settingUp.reserving`; '' for the machine itself. */
  readonly path: string;
  readonly name: string;
  /** `choice`: left at once, by whichever condition holds. */
  readonly kind: 'plain' | 'choice' | 'final' | 'compound' | 'parallel';
  /** Names of the states inside, in the order of the machine. */
  readonly inner: readonly DiagramState[];
  /** Path of the state inside that entering leads to. */
  readonly initial: string | undefined;
  /** What is taken note of without leaving; events it is deaf to included. */
  readonly stays: readonly string[];
}

export interface DiagramEdge {
  readonly from: string;
  readonly to: string;
  /** Event, or end of an effect, with the condition if there is one. */
  readonly label: string;
}

export interface DiagramGraph {
  readonly root: DiagramState;
  readonly edges: readonly DiagramEdge[];
}

/** The machine's states and transitions, read from the machine itself. */
export function graphOf(machine: AnyStateMachine): DiagramGraph {
  return { root: stateOf(machine.root), edges: all(machine.root).flatMap(edgesOf) };
}

interface Way {
  readonly event: string;
  readonly targets: readonly string[];
  readonly condition: string;
}

function stateOf(node: AnyStateNode): DiagramState {
  const inner = Object.values(node.states).map(stateOf);
  return {
    path: pathOf(node),
    name: node.key,
    kind: kindOf(node),
    inner,
    initial: node.type === 'compound' ? node.initial.target.map(pathOf)[0] : undefined,
    stays: [...new Set(waysOf(node).flatMap((way) => (way.targets.length === 0 ? [way.event] : [])))],
  };
}

function kindOf(node: AnyStateNode): DiagramState['kind'] {
  if (node.type === 'compound' || node.type === 'parallel' || node.type === 'final') return node.type;
  return (node.always ?? []).some(({ guard }) => guard === undefined) ? 'choice' : 'plain';
}

function edgesOf(node: AnyStateNode): DiagramEdge[] {
  const edges = waysOf(node).flatMap(({ event, condition, targets }) => {
    const label = [event, condition].filter((part) => part !== '').join(' ');
    return targets.map((to) => ({ from: pathOf(node), to, label }));
  });
  return edges.filter((edge) => !repeatsOverdue(edge, edges));
}

/** A broken deadline is shown only where it leads elsewhere than one that is past. */
function repeatsOverdue({ label, to }: DiagramEdge, edges: readonly DiagramEdge[]): boolean {
  return label === 'deadline failed' && edges.some((edge) => edge.label === 'overdue' && edge.to === to);
}

function waysOf(node: AnyStateNode): Way[] {
  const effects = new Map(node.invoke.map(({ id, src }) => [id, typeof src === 'string' ? src : id]));
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return transitions.map((transition) => ({
    event: eventName(transition.eventType, effects),
    targets: (transition.target ?? []).map(pathOf),
    condition: conditionOf(transition.guard),
  }));
}

/** XState names the ends of invoked effects after their place in the machine. */
function eventName(type: string, effects: ReadonlyMap<string, string>): string {
  const [, end, id = ''] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type) ?? [];
  const effect = effects.get(id);
  if (effect === undefined) return type;
  if (effect === 'deadline') return end === 'done' ? 'overdue' : 'deadline failed';
  return `${effect} ${end === 'done' ? 'done' : 'failed'}`;
}

/** A condition's name; one that has none is only hinted at. */
function conditionOf(guard: unknown): string {
  if (guard === undefined) return '';
  if (typeof guard === 'string') return `[${guard}]`;
  const named = typeof guard === 'object' && guard !== null && 'type' in guard ? guard.type : undefined;
  return typeof named === 'string' ? `[${named}]` : '[…]';
}

function all(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(all)];
}

function pathOf(node: AnyStateNode): string {
  return node.path.join('.');
}
