import { describe, expect, test } from 'vitest';
import type { LifeFacts } from '../../machines/workspace-phase.js';
import {
  type Activity,
  dueTimeouts,
  exceeded,
  type OwnTimeouts,
  type TimeoutFacts,
  timeoutReason,
} from '../../machines/workspace-timeout.js';

const [MINUTE, HOUR] = [60_000, 3_600_000];
const NOW = 1_000 * HOUR;

/** The limits of the published vectors. */
const limits = {
  afterCloseMs: MINUTE,
  initializationMs: 30 * MINUTE,
  startupMs: 45 * MINUTE,
  regularMs: 60 * MINUTE,
  lifetimeMs: 36 * HOUR,
  headlessMs: 90 * MINUTE,
  finalizationMs: 55 * MINUTE,
};

const NO_OWN: OwnTimeouts = { timeoutMs: undefined, closedTimeoutMs: undefined, lifetimeMs: undefined };
const NEW: LifeFacts = {
  kind: 'regular',
  begun: false,
  deployed: false,
  content: 'none',
  command: { state: 'none' },
  stop: undefined,
  timedOut: '',
  failure: '',
  disposal: 'none',
};
const CREATING: LifeFacts = { ...NEW, begun: true };
const INITIALIZING: LifeFacts = { ...CREATING, deployed: true };
const RUNNING: LifeFacts = { ...INITIALIZING, content: 'ready', command: { state: 'running' } };
const STOPPING: LifeFacts = { ...RUNNING, stop: { graceMs: 1, aborted: false } };

interface Scene {
  readonly facts: LifeFacts;
  readonly age: number;
  /** How long ago it was used last. */
  readonly idle?: number;
  readonly activity?: Partial<Activity>;
  readonly own?: Partial<OwnTimeouts>;
  readonly stoppingFor?: number;
}

function outcome({ facts, age, idle, activity, own, stoppingFor }: Scene): string | undefined {
  const times: TimeoutFacts = {
    ...facts,
    createdAt: NOW - age,
    stoppingAt: stoppingFor === undefined ? undefined : NOW - stoppingFor,
  };
  const last = idle === undefined ? undefined : NOW - idle;
  const due = dueTimeouts(
    times,
    { first: last, last, closed: false, ...activity },
    { ...NO_OWN, ...own },
    limits,
  );
  const over = exceeded(due, NOW);
  return over === undefined ? undefined : timeoutReason(over, NOW);
}

/** As the known timeout controller decides them. */
test.each<readonly [string, Scene, boolean]>([
  ['creating 10h', { facts: CREATING, age: 10 * HOUR }, true],
  ['running, used a minute ago', { facts: RUNNING, age: 10 * HOUR, idle: MINUTE }, false],
  ['running, used two hours ago', { facts: RUNNING, age: 10 * HOUR, idle: 2 * HOUR }, true],
  [
    'running, a timeout of its own',
    { facts: RUNNING, age: 10 * HOUR, idle: 30 * MINUTE, own: { timeoutMs: 20 * MINUTE } },
    true,
  ],
  ['running, closed', { facts: RUNNING, age: 5 * HOUR, idle: 10 * MINUTE, activity: { closed: true } }, true],
  ['a prebuild', { facts: { ...RUNNING, kind: 'prebuild' }, age: 2 * HOUR }, true],
  ['running 50h, used a minute ago', { facts: RUNNING, age: 50 * HOUR, idle: MINUTE }, true],
  [
    'running 12h, a lifetime of its own',
    { facts: RUNNING, age: 12 * HOUR, idle: MINUTE, own: { lifetimeMs: 8 * HOUR } },
    true,
  ],
  ['running, never used', { facts: RUNNING, age: 5 * HOUR }, true],
  [
    'running, only its first use known',
    { facts: RUNNING, age: 5 * HOUR, activity: { first: NOW - 5 * HOUR } },
    true,
  ],
])('published: %s', (_, scene, timesOut) => {
  expect(outcome(scene) !== undefined).toBe(timesOut);
});

describe('each limit', () => {
  const closed = { closed: true };
  const used = { idle: 0, age: HOUR } as const;
  /** The scene a millisecond too early, and what is told when it is over. */
  test.each<readonly [string, (overMs: number) => Scene, string]>([
    ['pending', (over) => ({ facts: NEW, age: 30 * MINUTE + over }), 'initialization took 00h30m'],
    ['creating', (over) => ({ facts: CREATING, age: 45 * MINUTE + over }), 'creating containers took 00h45m'],
    ['initializing', (over) => ({ facts: INITIALIZING, age: 45 * MINUTE + over }), 'startup took 00h45m'],
    [
      'lifetime',
      (over) => ({ facts: RUNNING, age: 36 * HOUR + over, idle: 0 }),
      'maximum lifetime took 36h00m',
    ],
    [
      'lifetime of a headless one',
      (over) => ({
        facts: { ...RUNNING, kind: 'imagebuild' },
        age: HOUR + over,
        own: { lifetimeMs: HOUR },
      }),
      'maximum lifetime took 01h00m',
    ],
    [
      'headless, whatever its activity',
      (over) => ({ facts: { ...RUNNING, kind: 'prebuild' }, age: 90 * MINUTE + over, idle: 0 }),
      'running the headless workspace took 01h30m',
    ],
    [
      'never used',
      (over) => ({ facts: RUNNING, age: 45 * MINUTE + over }),
      'period of inactivity took 00h45m',
    ],
    [
      'left alone',
      (over) => ({ ...used, facts: RUNNING, idle: 60 * MINUTE + over }),
      'period of inactivity took 01h00m',
    ],
    [
      'closed',
      (over) => ({ ...used, facts: RUNNING, idle: MINUTE + over, activity: closed }),
      'after being closed took 00h01m',
    ],
    [
      'closed, with a limit of its own',
      (over) => ({
        ...used,
        facts: RUNNING,
        idle: 2 * MINUTE + over,
        activity: closed,
        own: { closedTimeoutMs: 2 * MINUTE },
      }),
      'after being closed took 00h02m',
    ],
    [
      'closed, which it said not to mind',
      (over) => ({
        ...used,
        facts: RUNNING,
        idle: 60 * MINUTE + over,
        activity: closed,
        own: { closedTimeoutMs: 0 },
      }),
      'period of inactivity took 01h00m',
    ],
    [
      'stopping',
      (over) => ({ facts: STOPPING, age: 90 * HOUR, stoppingFor: 55 * MINUTE + over }),
      'backup took 00h55m',
    ],
  ])('%s', (_, sceneOf, told) => {
    expect(outcome(sceneOf(-1))).toBeUndefined();
    expect(outcome(sceneOf(0))).toContain(told);
  });

  test('of nothing holds once it has stopped', () => {
    const facts: LifeFacts = { ...STOPPING, disposal: 'backed-up' };
    expect(outcome({ facts, age: 900 * HOUR, stoppingFor: 800 * HOUR })).toBeUndefined();
  });

  test('after being closed is also real when the configuration says 0', () => {
    const times = { ...RUNNING, createdAt: NOW, stoppingAt: undefined };
    const due = dueTimeouts(times, { first: NOW, last: NOW, closed: true }, NO_OWN, {
      ...limits,
      afterCloseMs: 0,
    });
    expect(exceeded(due, NOW)?.activity).toBe('after being closed');
  });

  test('of several that are over, the lifetime is told', () => {
    expect(outcome({ facts: RUNNING, age: 50 * HOUR, idle: 40 * HOUR })).toContain('maximum lifetime');
  });

  test('says how long it took and what was allowed', () => {
    expect(outcome({ facts: RUNNING, age: 10 * HOUR, idle: 90 * MINUTE + 31_000 })).toBe(
      'timed out: period of inactivity took 01h31m, allowed are 01h00m',
    );
  });
});
