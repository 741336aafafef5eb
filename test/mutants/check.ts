import type { AnyStateMachine } from 'xstate';
import type { Case, Proof } from '../machines/harness/proof.js';
import type { Mutant } from './mutate.js';
import { isObject } from './tree.js';

/**
 * Why the relation refuses a mutant, or undefined when it survives. The situations in the mutated state are
 * tried first, because that is where it usually shows; a survivor has been through all of them.
 */
export function killedBy(proof: Proof, mutant: Mutant): string | undefined {
  let machine: AnyStateMachine;
  try {
    machine = rebuilt(proof.machine, mutant.config);
    const fault = proof.startFault(machine);
    if (fault !== undefined) return fault;
  } catch (error) {
    return `does not start: ${String(error)}`;
  }
  for (const situation of nearestFirst(proof.cases, mutant.state)) {
    const fault = faultOf(situation, machine);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOf(situation: Case, machine: AnyStateMachine): string | undefined {
  try {
    return situation.fault(machine);
  } catch (error) {
    return `throws in ${situation.state}: ${String(error)}`;
  }
}

/** More steps without an event than any machine makes: a mutant may go round for ever. */
const MICROSTEPS_MAX = 50;

function rebuilt(machine: AnyStateMachine, config: unknown): AnyStateMachine {
  return Reflect.construct(machine.constructor, [
    { ...(isObject(config) ? config : {}), options: { maxIterations: MICROSTEPS_MAX } },
    machine.implementations,
  ]);
}

function nearestFirst(cases: readonly Case[], state: string): readonly Case[] {
  const isNear = (one: Case) => one.state === state || one.state.startsWith(`${state}.`);
  return [...cases.filter(isNear), ...cases.filter((one) => !isNear(one))];
}
