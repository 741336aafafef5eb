import type { Random } from '../gateways/random.js';

/** Where a supervisor can be made to fail: when a child starts, while it runs, when it is told to stop. */
export type FaultPoint = 'start' | 'run' | 'stop';

/**
 * `crash`: the step fails (a run ends abnormally after `afterMs`). `hang`: the step never finishes (a run's own
 * end is never noticed). `slow`: the step takes `afterMs` longer.
 */
export type Fault =
  | { readonly kind: 'crash'; readonly afterMs: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'slow'; readonly afterMs: number };

/** Asked at every point of every child; answers the fault to inject. */
export interface FaultPoints {
  at(point: FaultPoint, path: string, generation: number): Fault | undefined;
}

export interface FaultRule {
  readonly point: FaultPoint;
  /** Matches the child's path. */
  readonly path: RegExp;
  /** 0 to 1. */
  readonly probability: number;
  readonly fault: Fault;
}

/** Fault points that follow `rules`; the first that matches and hits decides. The same seed gives the same faults. */
export function seededFaults(random: Random, rules: readonly FaultRule[]): FaultPoints {
  return {
    at(point, path) {
      const hit = rules.find(
        (rule) => rule.point === point && rule.path.test(path) && random.fraction() < rule.probability,
      );
      return hit?.fault;
    },
  };
}
