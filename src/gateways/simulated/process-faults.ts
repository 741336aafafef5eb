import type { SeededRandom } from './random.js';

/** How a simulated process can go wrong. */
export type ProcessFault =
  /** As a program that is not installed, or a machine without memory. */
  | { readonly kind: 'cannot-start' }
  /** It runs, and is killed by somebody else after so much virtual time. */
  | { readonly kind: 'dies'; readonly afterMs: number }
  /** It does nothing until it is killed. */
  | { readonly kind: 'hangs' }
  /** It writes this instead of its output and ends. */
  | { readonly kind: 'garbage'; readonly output: string; readonly code: number }
  | { readonly kind: 'slow'; readonly latencyMs: number };

/** Asked at every start. */
export interface ProcessFaults {
  at(program: string, args: readonly string[]): ProcessFault | undefined;
}

export interface ProcessFaultRule {
  /** Matches program and arguments, joined by blanks. */
  readonly command: RegExp;
  /** 0 to 1. */
  readonly probability: number;
  readonly fault: ProcessFault;
}

export const noProcessFaults: ProcessFaults = { at: () => undefined };

/** The first rule that matches and hits decides. */
export function seededProcessFaults(random: SeededRandom, rules: readonly ProcessFaultRule[]): ProcessFaults {
  return {
    at(program, args) {
      const command = [program, ...args].join(' ');
      return rules.find((rule) => rule.command.test(command) && random.isHit(rule.probability))?.fault;
    },
  };
}
