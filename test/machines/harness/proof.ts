import type { AnyStateMachine } from 'xstate';
import { deadlineIn, happeningsIn, lateEnds } from './happenings.js';
import type { Happening, Situation, Spec } from './spec.js';
import { difference, expected, expectedStart, ruleOf, seen, start, step } from './step.js';
import { walk } from './walk.js';

/** More than any machine has; exploring that does not end is a defect of the relation's key. */
const SITUATIONS_MAX = 20_000;
/** Deadlines in a row after which a machine left alone must have come to rest. */
const DEADLINES_MAX = 20;

/** One situation that the relation allows. Each answer is the first fault, or undefined. */
export interface Case {
  readonly state: string;
  /** The shortest way here from a start. */
  readonly path: readonly string[];
  readonly waits: boolean;
  /** Whether the machine does here what the relation says, whatever happens. */
  fault(machine: AnyStateMachine): string | undefined;
  /** Whether results that nobody waits for change nothing here. */
  lateFault(machine: AnyStateMachine): string | undefined;
  /** Whether every end of what runs here, the deadline first of all, leads out. */
  wayOutFault(): string | undefined;
}

/** One machine's relation, put to use against that machine or a mutant of it. */
export interface Proof {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly states: readonly string[];
  readonly starts: number;
  /** Every situation the relation allows, breadth first from every start. */
  readonly cases: readonly Case[];
  startFault(machine: AnyStateMachine): string | undefined;
  /** Walks from a start through happenings chosen by numbers, on the machine's own snapshots. */
  walkFault(begin: number, choices: readonly number[]): string | undefined;
}

export function proofOf<Context extends object>(spec: Spec<Context>): Proof {
  return {
    name: spec.name,
    machine: spec.machine,
    states: Object.keys(spec.states),
    starts: spec.starts.length,
    cases: explore(spec).map((situation) => caseOf(spec, situation)),
    startFault: (machine) => startFault(spec, machine),
    walkFault: (begin, choices) => walk(spec, begin, choices),
  };
}

function caseOf<Context extends object>(spec: Spec<Context>, situation: Situation<Context>): Case {
  return {
    state: situation.state,
    path: situation.path,
    waits: ruleOf(spec, situation.state).runs !== undefined,
    fault: (machine) => firstFault(spec, machine, situation, happeningsIn(spec, situation)),
    lateFault: (machine) => firstFault(spec, machine, situation, lateEnds(spec, situation)),
    wayOutFault: () => wayOutFault(spec, situation),
  };
}

/** By the relation alone, so that a mutant is held against what is true and not against itself. */
export function explore<Context extends object>(spec: Spec<Context>): Situation<Context>[] {
  const known = new Map<string, Situation<Context>>();
  const add = (situation: Situation<Context>) => {
    const key = JSON.stringify([situation.state, spec.key(situation.context)]);
    if (!known.has(key)) known.set(key, situation);
  };
  for (const begin of spec.starts) {
    const { state, context } = expectedStart(spec, begin);
    add({ state, context, path: [begin.name] });
  }
  // A Map gives what is added while it is walked, in order: breadth first.
  for (const situation of known.values()) {
    if (known.size > SITUATIONS_MAX)
      throw new Error(`${spec.name}: the relation's key lets situations grow for ever`);
    if (ruleOf(spec, situation.state).final === true) continue;
    for (const happening of happeningsIn(spec, situation)) {
      const { state, context } = expected(spec, situation, happening);
      add({ state, context, path: [...situation.path, happening.name] });
    }
  }
  return [...known.values()];
}

function startFault<Context extends object>(
  spec: Spec<Context>,
  machine: AnyStateMachine,
): string | undefined {
  for (const begin of spec.starts) {
    const fault = difference(expectedStart(spec, begin), seen(start(machine, begin.input)));
    if (fault !== undefined) return `${begin.name}: ${fault}`;
  }
  return undefined;
}

function firstFault<Context extends object>(
  spec: Spec<Context>,
  machine: AnyStateMachine,
  situation: Situation<Context>,
  happenings: readonly Happening[],
): string | undefined {
  if (ruleOf(spec, situation.state).final === true) return undefined;
  for (const happening of happenings) {
    const want = expected(spec, situation, happening);
    const fault = difference(want, seen(step(spec, machine, situation, happening)));
    if (fault !== undefined)
      return `${situation.path.join(' → ')} | ${situation.state} on ${happening.name}: ${fault}`;
  }
  return undefined;
}

function wayOutFault<Context extends object>(
  spec: Spec<Context>,
  situation: Situation<Context>,
): string | undefined {
  const rule = ruleOf(spec, situation.state);
  const runs = rule.runs?.(situation.context) ?? [];
  if (runs.length === 0) return undefined;
  if (runs.filter(({ effect }) => effect === 'deadline').length !== (rule.lasts === true ? 0 : 1))
    return `${situation.state} waits without a deadline`;
  for (const end of happeningsIn(spec, situation).filter((one) => /\.(done|failed)/.test(one.name))) {
    const { state, started } = expected(spec, situation, end);
    if (state === situation.state && started.length === 0)
      return `${situation.state} does not end on ${end.name}`;
  }
  return restFault(spec, situation);
}

/** With nothing but deadlines coming, the machine must come to rest. */
function restFault<Context extends object>(
  spec: Spec<Context>,
  from: Situation<Context>,
): string | undefined {
  let situation = from;
  for (let count = 0; count < DEADLINES_MAX; count += 1) {
    const overdue = deadlineIn(spec, situation);
    if (overdue === undefined || ruleOf(spec, situation.state).rests === true) return undefined;
    situation = expected(spec, situation, overdue);
  }
  return `${from.state} does not come to rest by deadlines alone`;
}
