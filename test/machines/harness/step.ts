import { isDeepStrictEqual } from 'node:util';
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  fromCallback,
  initialTransition,
  transition,
} from 'xstate';
import { type StateValue, stepOf } from '../../../machines/content-projection.js';
import type { Happening, Outcome, Running, Sent, Situation, Spec, Start } from './spec.js';

/** Everything about a step that anybody can see. */
export interface Seen {
  readonly state: string;
  readonly context: unknown;
  readonly status: string;
  readonly output: unknown;
  readonly recording: boolean;
  /** Effects that this step started. */
  readonly started: readonly Running[];
  readonly emitted: readonly unknown[];
  readonly sent: readonly Sent[];
  /** Children that are alive beside the effects of the state, sorted. */
  readonly children: readonly string[];
  /** Actions of kinds the relation knows nothing of. */
  readonly others: readonly string[];
}

type Stepped = ReturnType<typeof transition<AnyStateMachine>>;

export function start(machine: AnyStateMachine, input: object): Stepped {
  return initialTransition(machine, input);
}

/** Where the machine goes from a situation, computed without running anything. */
export function step<Context>(
  spec: Spec<Context>,
  machine: AnyStateMachine,
  situation: Situation<Context>,
  happening: Happening,
): Stepped {
  return transition(machine, snapshotOf(spec, machine, situation), happening.event);
}

function snapshotOf<Context>(
  spec: Spec<Context>,
  machine: AnyStateMachine,
  { state, context }: Situation<Context>,
): AnyMachineSnapshot {
  const snapshot = machine.resolveState({ value: pathValue(state), context });
  const ids = spec.children?.(context) ?? [];
  const children = Object.fromEntries(
    ids.map((id) => [
      id,
      createActor(
        fromCallback(() => {}),
        { id },
      ),
    ]),
  );
  return Object.assign(snapshot, { children });
}

export function seen([snapshot, executed]: Stepped): Seen {
  const actions: readonly Action[] = executed;
  return {
    state: stepOf(snapshot.value),
    context: snapshot.context,
    status: snapshot.status,
    output: snapshot.output,
    recording: snapshot.hasTag('recording'),
    started: actions.filter(({ type }) => type === 'xstate.spawnChild').map(({ params }) => running(params)),
    emitted: actions
      .filter(({ type }) => type === 'xstate.emit')
      .map(({ params }) => within(params, 'event')),
    sent: actions.filter(({ type }) => type === 'xstate.sendTo').map(({ params }) => sent(params)),
    children: living(snapshot),
    others: actions.map((action) => action.type).filter((type) => !KNOWN_ACTIONS.has(type)),
  };
}

/** A machine that has ended stops its children, and still lists them. */
function living({ status, children }: AnyMachineSnapshot): string[] {
  if (status !== 'active') return [];
  return Object.keys(children)
    .filter((id) => !IS_EFFECT.test(id))
    .sort();
}

/** What the relation says must be seen. */
export function expected<Context>(
  spec: Spec<Context>,
  { state, context }: Situation<Context>,
  happening: Happening,
): Seen & Situation<Context> {
  const outcome = ruleOf(spec, state).on[happening.name]?.(context, happening);
  const changed = { ...context, ...outcome?.change };
  if (outcome?.to === undefined) return settled(spec, state, changed, outcome ?? {});
  return entered(spec, outcome.to, changed, outcome);
}

export function expectedStart<Context>(
  spec: Spec<Context>,
  begin: Start<Context>,
): Seen & Situation<Context> {
  return entered(spec, begin.state, begin.context, {});
}

/** Undefined when they agree, else the first place where they differ. */
export function difference(want: Seen, got: Seen): string | undefined {
  const keys = [
    ...(['state', 'status', 'recording', 'emitted', 'others', 'context', 'started'] as const),
    ...(['sent', 'children', 'output'] as const),
  ];
  const key = keys.find((name) => !isDeepStrictEqual(want[name], got[name]));
  return key === undefined ? undefined : differenceIn(key, want[key], got[key]);
}

function differenceIn(path: string, want: unknown, got: unknown): string {
  if (typeof want === 'object' && typeof got === 'object' && want !== null && got !== null) {
    const names = [...new Set([...Object.keys(want), ...Object.keys(got)])];
    const name = names.find((one) => !isDeepStrictEqual(within(want, one), within(got, one)));
    if (name !== undefined) return differenceIn(`${path}.${name}`, within(want, name), within(got, name));
  }
  return `${path} is ${JSON.stringify(got)} instead of ${JSON.stringify(want)}`;
}

export function ruleOf<Context>(spec: Spec<Context>, state: string) {
  const rule = spec.states[state];
  if (rule === undefined) throw new Error(`${spec.name}: no state "${state}" in the relation`);
  return rule;
}

interface Action {
  readonly type: string;
  readonly params: unknown;
}

const KNOWN_ACTIONS: ReadonlySet<string> = new Set([
  ...['xstate.spawnChild', 'xstate.stopChild', 'xstate.emit', 'xstate.sendTo'],
]);

/** XState names the effects of a state after their place in the machine. */
const IS_EFFECT = /^\d+\./;

type Doings = Pick<Outcome<unknown>, 'emits' | 'spawns' | 'sends' | 'breaks'>;

function entered<Context>(spec: Spec<Context>, state: string, before: Context, doings: Doings) {
  const rule = ruleOf(spec, state);
  const context = { ...before, ...rule.enters?.(before) };
  return settled(spec, state, context, {
    ...doings,
    spawns: [...(doings.spawns ?? []), ...(rule.spawns?.(context) ?? []), ...(rule.runs?.(context) ?? [])],
    sends: [...(doings.sends ?? []), ...(rule.sends?.(context) ?? [])],
  });
}

function settled<Context>(
  spec: Spec<Context>,
  state: string,
  context: Context,
  { spawns = [], emits = [], sends = [], breaks = false }: Doings,
) {
  const { final = false, records } = ruleOf(spec, state);
  return {
    state,
    context,
    path: [],
    status: final ? 'done' : breaks ? 'error' : 'active',
    output: final ? spec.output?.(state, context) : undefined,
    recording: records ?? /(^|\.)recording/.test(state),
    started: spawns,
    emitted: emits,
    sent: sends,
    children: final || breaks ? [] : [...(spec.children?.(context) ?? [])].sort(),
    others: [],
  };
}

function running(params: unknown): Running {
  return { effect: String(within(params, 'src')), input: within(params, 'input') };
}

function sent(params: unknown): Sent {
  return { to: String(within(params, 'targetId') ?? 'parent'), event: Object(within(params, 'event')) };
}

function within(params: unknown, name: string): unknown {
  return new Map(Object.entries(params ?? {})).get(name);
}

/** A dotted path as XState's state value. */
export function pathValue(state: string): StateValue {
  const [outer = state, ...inner] = state.split('.');
  return inner.length === 0 ? outer : { [outer]: pathValue(inner.join('.')) };
}
