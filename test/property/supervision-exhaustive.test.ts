import { describe, expect, it } from 'vitest';
import type { Restart } from '../../src/supervision/spec.js';
import { Model } from '../supervision/model/model.js';
import { runReal } from '../supervision/model/real.js';
import {
  type Behaviour,
  offset,
  type Script,
  STEADY,
  type SupervisorScript,
} from '../supervision/model/script.js';

/**
 * Every combination for two levels and three children: what the failing child does, and what its restart does, with
 * each strategy, restart type of both levels, way of giving up, auto-shutdown and position.
 */
const UNTIL_MS = 60_000;

const EXITS = ['normal', 'shutdown', 'abnormal'] as const;
const AFTER_RESTART = ['steady', 'start error', 'start hang', 'ignore', 'fails again', 'leaks'] as const;
const STOPS = ['clean', 'crash', 'hang'] as const;
const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'] as const;
const RESTARTS: readonly Restart[] = ['permanent', 'transient', 'temporary'];
const POLICIES = ['escalate', 'park', 'any-significant', 'all-significant'] as const;

type Policy = (typeof POLICIES)[number];

interface Case {
  readonly strategy: (typeof STRATEGIES)[number];
  readonly restart: Restart;
  readonly policy: Policy;
  readonly innerRestart: Restart;
  readonly position: number;
  readonly first: readonly Behaviour[];
  readonly siblingStop: (typeof STOPS)[number];
}

describe.each(STRATEGIES)('two levels, three children, %s', (strategy) => {
  it.each(POLICIES)('every failure does what the model says (%s)', { timeout: 60_000 }, async (policy) => {
    let compared = 0;
    for (const given of cases(strategy, policy)) {
      const script = tree(given);
      const model = new Model(script, 1, []);
      const expected = model.run(UNTIL_MS);
      expect(model.kernel.tied, JSON.stringify(given)).toBe(false);
      expect(await runReal(script, 1, [], UNTIL_MS), JSON.stringify(given)).toEqual(expected);
      compared += 1;
    }
    expect(compared).toBe(
      innerRestarts(policy).length * RESTARTS.length * 3 * STOPS.length * firsts().length,
    );
  });
});

function* cases(strategy: Case['strategy'], policy: Policy): Generator<Case> {
  for (const innerRestart of innerRestarts(policy)) {
    for (const restart of RESTARTS) {
      for (const position of [0, 1, 2]) {
        for (const siblingStop of STOPS) {
          for (const first of firsts()) {
            yield { strategy, policy, innerRestart, restart, position, first, siblingStop };
          }
        }
      }
    }
  }
}

/** A supervisor that ends by itself may not be permanent. */
function innerRestarts(policy: Policy): readonly Restart[] {
  return policy === 'any-significant' || policy === 'all-significant' ? ['transient', 'temporary'] : RESTARTS;
}

/** What the failing child does in its first runs: fail to start, or end and then do each thing at its restart. */
function firsts(): readonly (readonly Behaviour[])[] {
  const atFirstStart: (readonly Behaviour[])[] = (['error', 'hang', 'ignore'] as const).map((kind) => [
    { ...STEADY, start: { kind, afterMs: 3.5 } },
  ]);
  const atRestart = EXITS.flatMap((kind) =>
    AFTER_RESTART.map((next) => [{ ...STEADY, exit: { kind, afterMs: 11.25 } }, ...afterRestart(next)]),
  );
  return [...atFirstStart, ...atRestart];
}

function afterRestart(next: (typeof AFTER_RESTART)[number]): readonly Behaviour[] {
  switch (next) {
    case 'steady':
      return [];
    case 'start error':
      return [{ ...STEADY, start: { kind: 'error', afterMs: 2.125 } }];
    case 'start hang':
      return [{ ...STEADY, start: { kind: 'hang', afterMs: 0 }, obeys: false }];
    case 'ignore':
      return [{ ...STEADY, start: { kind: 'ignore', afterMs: 1.0625 } }];
    case 'fails again':
      return Array(4).fill({ ...STEADY, exit: { kind: 'abnormal', afterMs: 7.03125 } });
    case 'leaks':
      return [{ ...STEADY, exit: { kind: 'abnormal', afterMs: 5.015625 }, leaks: true }];
  }
}

function tree(given: Case): SupervisorScript {
  const { policy, strategy } = given;
  const inner: SupervisorScript = {
    ...level('inner', 'permanent'),
    strategy,
    onExhausted: policy === 'park' ? 'park' : 'escalate',
    autoShutdown: policy === 'any-significant' || policy === 'all-significant' ? policy : 'never',
    restart: given.innerRestart,
    children: [0, 1, 2].map((index) => child(given, index)),
  };
  const neighbour = worker('neighbour', 'permanent', false, []);
  return { ...level('root', 'permanent'), strategy: 'one-for-all', children: [inner, neighbour] };
}

function level(name: string, restart: Restart): SupervisorScript {
  return {
    kind: 'supervisor',
    name,
    restart,
    significant: false,
    strategy: 'one-for-one',
    intensity: { restarts: 1, periodMs: 1_000 },
    backoff: { initialMs: 10, maxMs: 40, factor: 2, jitter: 0.2, resetAfterMs: 500 },
    autoShutdown: 'never',
    onExhausted: 'escalate',
    children: [],
  };
}

function child(given: Case, index: number): Script {
  const byItself = given.policy === 'any-significant' || given.policy === 'all-significant';
  if (index === given.position) {
    return worker(`c${index}`, given.restart, byItself && given.restart !== 'permanent', given.first);
  }
  const stop = { kind: given.siblingStop, afterMs: 4 + offset(index, 'stop') };
  return worker(`c${index}`, 'transient', byItself && index === 0, Array(6).fill({ ...STEADY, stop }));
}

function worker(name: string, restart: Restart, significant: boolean, runs: readonly Behaviour[]): Script {
  return { kind: 'worker', name, restart, significant, shutdown: 50, startWithinMs: 100, runs };
}
