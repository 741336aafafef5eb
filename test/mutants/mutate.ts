import type { AnyStateMachine } from 'xstate';
import { child, each, isObject, type Path, replaced } from './tree.js';

/** A machine with one thing wrong. */
export interface Mutant {
  /** What is wrong, in words. */
  readonly name: string;
  /** The state it is wrong in: `settingUp.reserving`; '' for the whole machine. */
  readonly state: string;
  readonly config: unknown;
}

/** Every mutant of a machine: each part of its configuration removed or altered in turn. */
export function mutantsOf(machine: AnyStateMachine): Mutant[] {
  return [...nodes(machine.config, [])].flatMap((node) => new NodeMutants(machine.config, node).all());
}

interface Node {
  readonly config: unknown;
  readonly path: Path;
  readonly state: string;
  /** Where its transitions may be sent instead. */
  readonly siblings: readonly string[];
}

function* nodes(config: unknown, path: Path, state = '', siblings: readonly string[] = []): Generator<Node> {
  yield { config, path, state, siblings };
  const states = Object.entries(child(config, 'states') ?? {});
  for (const [name, inner] of states) {
    const names = states.map(([sibling]) => sibling);
    yield* nodes(inner, [...path, 'states', name], state === '' ? name : `${state}.${name}`, names);
  }
}

class NodeMutants {
  readonly #root: unknown;
  readonly #node: Node;
  readonly #found: Mutant[] = [];

  constructor(root: unknown, node: Node) {
    this.#root = root;
    this.#node = node;
  }

  all(): Mutant[] {
    const { config, path } = this.#node;
    for (const [event, value] of Object.entries(child(config, 'on') ?? {})) {
      this.#transitions(value, [...path, 'on', event], `on ${event}`);
    }
    this.#transitions(child(config, 'always'), [...path, 'always'], 'always');
    for (const name of ['entry', 'exit']) this.#each(child(config, name), [...path, name], name);
    this.#invokes(config, path);
    this.#whole(config, path);
    return this.#found;
  }

  #invokes(config: unknown, path: Path): void {
    for (const invoke of each(child(config, 'invoke'), [...path, 'invoke'])) {
      const name = `invoke ${String(child(invoke.value, 'src'))}`;
      this.#add(`${name} removed`, invoke.path, undefined);
      this.#add(`${name} without input`, [...invoke.path, 'input'], undefined);
      for (const end of ['onDone', 'onError']) {
        this.#transitions(child(invoke.value, end), [...invoke.path, end], `${name} ${end}`);
      }
    }
  }

  /** What belongs to the state itself. */
  #whole(config: unknown, path: Path): void {
    for (const name of ['type', 'tags', 'output']) {
      if (child(config, name) !== undefined) this.#add(`${name} removed`, [...path, name], undefined);
    }
    const initial = child(config, 'initial');
    for (const other of Object.keys(child(config, 'states') ?? {})) {
      if (other !== initial) this.#add(`initial ${other}`, [...path, 'initial'], other);
    }
  }

  #transitions(value: unknown, path: Path, name: string): void {
    const branches = each(value, path);
    for (const [index, branch] of branches.entries()) {
      const called = branches.length > 1 ? `${name} [${index}]` : name;
      this.#add(`${called} removed`, branch.path, undefined);
      this.#transition(branch.value, branch.path, called);
    }
  }

  #transition(value: unknown, path: Path, name: string): void {
    const target = typeof value === 'string' ? value : child(value, 'target');
    if (typeof target === 'string') {
      const other = this.#otherThan(target);
      this.#add(`${name} to ${other}`, path, isObject(value) ? replaced(value, ['target'], other) : other);
    }
    if (!isObject(value)) return;
    if (target !== undefined) this.#add(`${name} goes nowhere`, [...path, 'target'], undefined);
    if (child(value, 'reenter') === true)
      this.#add(`${name} does not re-enter`, [...path, 'reenter'], undefined);
    if (child(value, 'guard') !== undefined) {
      this.#add(`${name} unguarded`, [...path, 'guard'], undefined);
      this.#add(`${name} never`, [...path, 'guard'], () => false);
    }
    this.#each(child(value, 'actions'), [...path, 'actions'], `${name} action`);
  }

  #each(value: unknown, path: Path, name: string): void {
    for (const [index, one] of each(value, path).entries()) {
      this.#add(`${name} [${index}] removed`, one.path, undefined);
    }
  }

  /** The next state beside this one that is neither the target nor this state. */
  #otherThan(target: string): string {
    const { siblings, state } = this.#node;
    const own = state.slice(state.lastIndexOf('.') + 1);
    const wrong = siblings.filter((name) => name !== target && name !== own && !target.endsWith(`.${name}`));
    const index = Math.max(wrong.indexOf(target), 0);
    return wrong[(index + siblings.indexOf(target) + 1) % wrong.length] ?? own;
  }

  #add(name: string, path: Path, value: unknown): void {
    const { state } = this.#node;
    this.#found.push({ name: `${state}: ${name}`, state, config: replaced(this.#root, path, value) });
  }
}
