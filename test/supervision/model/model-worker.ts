import { KILL_MS } from '../../../src/supervision/bounds.js';
import type { Shutdown } from '../../../src/supervision/spec.js';
import type { Behaviour } from './script.js';

/** How and when the stop of a scripted worker ends, told in advance from its script. */
export type Outcome = 'clean' | 'forced' | 'leaked';

export interface End {
  readonly at: number;
  readonly outcome: Outcome;
}

export function worstOf(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.includes('leaked')) return 'leaked';
  return outcomes.includes('forced') ? 'forced' : 'clean';
}

/** A kill at `now` of something that has promised to settle at `pending`: what obeys its signal does so at once. */
export function endOfKill(behaviour: Behaviour, now: number, pending: readonly number[]): End {
  const settled = behaviour.obeys ? now : Math.max(now, ...pending);
  const late = settled >= now + KILL_MS;
  return { at: late ? now + KILL_MS : settled, outcome: late || behaviour.leaks ? 'leaked' : 'forced' };
}

/** A stop of a running worker at `now`, whose own exit is due at `exitAt`. */
export function endOfStop(
  behaviour: Behaviour,
  now: number,
  shutdown: Shutdown,
  exitAt: number | undefined,
): End {
  const exit = exitAt === undefined ? [] : [exitAt];
  if (shutdown === 'brutal-kill') return endOfKill(behaviour, now, exit);
  const deadline = shutdown === 'infinity' ? Number.POSITIVE_INFINITY : now + shutdown;
  const answer = behaviour.stop.kind === 'hang' ? Number.POSITIVE_INFINITY : now + behaviour.stop.afterMs;
  if (answer > deadline) return endOfKill(behaviour, deadline, [...exit, answer]);
  if (behaviour.stop.kind === 'crash') return endOfKill(behaviour, answer, exit);
  return { at: answer, outcome: 'clean' };
}

/** A stop at `now` of a worker whose start would settle at `settles`. `late`: its start succeeds after the kill. */
export function endOfStoppedStart(
  behaviour: Behaviour,
  now: number,
  settles: number,
  shutdown: Shutdown,
): End & { readonly late: boolean } {
  const succeeds = behaviour.start.kind === 'ok' && !behaviour.obeys;
  if (shutdown === 'brutal-kill') return { ...endOfKill(behaviour, now, [settles]), late: succeeds };
  if (behaviour.obeys) return { at: now, outcome: behaviour.leaks ? 'leaked' : 'clean', late: false };
  const deadline = shutdown === 'infinity' ? Number.POSITIVE_INFINITY : now + shutdown;
  if (settles > deadline) return { ...endOfKill(behaviour, deadline, [settles]), late: succeeds };
  if (behaviour.start.kind === 'error') {
    return { at: settles, outcome: behaviour.leaks ? 'leaked' : 'clean', late: false };
  }
  if (behaviour.start.kind === 'ignore') return { at: settles, outcome: 'clean', late: false };
  const left = shutdown === 'infinity' ? 'infinity' : deadline - settles;
  const exitAt = behaviour.exit === undefined ? undefined : settles + behaviour.exit.afterMs;
  return { ...endOfStop(behaviour, settles, left, exitAt), late: false };
}
