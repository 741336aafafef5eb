import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../machines/ids.js';
import { lifeMachine } from '../../machines/instance-life.js';
import { toRecord } from '../../machines/instance-life-steps.js';
import type { LifeContext } from '../../machines/instance-life-types.js';
import { phaseOf, type WorkspaceKind } from '../../machines/workspace-phase.js';

/** Written by hand: what may follow each state, whatever happens in whatever order. */
const MAY_FOLLOW: Readonly<Record<string, readonly string[]>> = {
  pending: ['creating', 'stopping', 'refused', 'failed'],
  recovering: ['creating', 'initializing', 'running', 'stopping', 'failed'],
  creating: ['initializing', 'stopping', 'failed'],
  initializing: ['running', 'stopping', 'failed'],
  running: ['stopping', 'failed'],
  stopping: ['stopped', 'failed'],
  stopped: [],
  refused: [],
  failed: [],
};

/** Written by hand: what is told in each state, as far as the state alone decides it. */
const PHASES: Readonly<Record<string, readonly string[]>> = {
  // Asked to end while its first record is on its way, which does not say so.
  pending: ['pending', 'stopping'],
  creating: ['creating'],
  initializing: ['initializing', 'running'],
  running: ['running'],
  stopping: ['stopping', 'stopped'],
};

/** No phase that was told is ever taken back. */
const ORDER = ['pending', 'creating', 'initializing', 'running', 'stopping', 'stopped'];

const EFFECTS = [
  'writeRecord',
  'survey',
  'prepare',
  'initContent',
  'startCommand',
  'awaitEnd',
  'stopCommand',
  'takeSnapshot',
  'disposeContent',
  'deadline',
] as const;
type Effect = (typeof EFFECTS)[number];

/** Mostly `value`, so that lives get far. */
function often(value: boolean) {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constant(!value) },
  );
}

const stop = fc.record({
  kind: fc.constant('stop' as const),
  graceMs: fc.constantFrom(1_000, 30_000),
  aborted: fc.boolean(),
});
const end = fc.record({
  kind: fc.constant('end' as const),
  isDeadline: often(false),
  succeeds: often(true),
  content: fc.constantFrom('present' as const, 'absent' as const, 'unknown' as const),
  credentials: fc.constantFrom('available' as const, 'lost' as const),
  outcome: fc.constantFrom('backed-up' as const, 'discarded' as const, 'lost' as const),
  code: fc.constantFrom(0, 1, 137),
});
const crash = fc.record({ kind: fc.constant('crash' as const) });
const timeout = fc.record({ kind: fc.constant('timeout' as const) });
const happening = fc.oneof(
  { weight: 1, arbitrary: timeout },
  { weight: 1, arbitrary: stop },
  { weight: 1, arbitrary: crash },
  { weight: 15, arbitrary: end },
);
type End = typeof end extends fc.Arbitrary<infer E> ? E : never;

interface Pending {
  readonly effect: Effect;
  readonly context: LifeContext | undefined;
  readonly resolve: (output: object) => void;
  readonly reject: (failure: object) => void;
}

/** The machine with effects that end when the test says so. */
class Harness {
  readonly pending: Pending[] = [];
  readonly writes: LifeContext[] = [];
  at = 1_000;

  readonly machine = lifeMachine.provide({
    actors: Object.fromEntries(EFFECTS.map((effect) => [effect, this.#effect(effect)])),
  });

  #effect(effect: Effect) {
    return fromPromise<object, { readonly context?: LifeContext }>(
      ({ input, signal }) =>
        new Promise((resolve, reject) => {
          const pending: Pending = { effect, context: input.context, resolve, reject };
          this.pending.push(pending);
          signal.addEventListener('abort', () => {
            const index = this.pending.indexOf(pending);
            if (index >= 0) this.pending.splice(index, 1);
          });
        }),
    );
  }

  finish(one: End): void {
    this.at += 10;
    const index = this.pending.findIndex(({ effect }) => (effect === 'deadline') === one.isDeadline);
    const [pending] = index < 0 ? [] : this.pending.splice(index, 1);
    if (pending === undefined) return;
    if (!one.succeeds) {
      pending.reject({ at: this.at, message: 'it failed', jitter: 0.5 });
      return;
    }
    if (pending.effect === 'writeRecord' && pending.context !== undefined) this.writes.push(pending.context);
    const { content, credentials, outcome, code } = one;
    const ended = { kind: 'exited', code };
    pending.resolve({
      at: this.at,
      content,
      credentials,
      outcome,
      git: undefined,
      end: ended,
      url: 'snapshot',
      metrics: [],
    });
  }
}

function outermost(value: unknown): string {
  return typeof value === 'string' ? value : (Object.keys(value as object)[0] ?? '');
}

function identity() {
  const [instance, workspace, owner] = ['i', 'w', 'o'];
  if (!isInstanceId(instance) || !isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('bad ids');
  return { instance, workspace, owner };
}

const limits = {
  recordMs: 10,
  surveyMs: 10,
  prepareMs: 10,
  initializeMs: 10,
  startMs: 10,
  snapshotMs: 10,
  killMs: 10,
  disposeMs: 10,
  pauseMinMs: 10,
  pauseMaxMs: 100,
};

/** Runs one life after the other, each from what the one before wrote last, and notes every step that is wrong. */
class Life {
  readonly harness = new Harness();
  readonly wrongs: string[] = [];
  readonly visited = new Set<string>();
  readonly #kind: WorkspaceKind;
  #isStopAsked = false;
  #actor;

  constructor(kind: WorkspaceKind) {
    this.#kind = kind;
    this.#actor = this.#start();
  }

  get isOver(): boolean {
    return this.#actor.getSnapshot().status !== 'active';
  }

  crash(): void {
    this.#actor.stop();
    this.harness.pending.splice(0);
    this.#isStopAsked = this.harness.writes.at(-1)?.stop !== undefined;
    this.#actor = this.#start();
  }

  stop(graceMs: number, aborted: boolean): void {
    if (this.isOver) return;
    const { value } = this.#actor.getSnapshot();
    if (JSON.stringify(value) !== '{"stopping":"recordingOutcome"}') this.#isStopAsked = true;
    this.#actor.send({ type: 'STOP', at: this.harness.at, request: { graceMs, aborted } });
  }

  timeOut(): void {
    if (this.isOver) return;
    this.#actor.send({ type: 'TIMEOUT', at: this.harness.at, reason: 'too long', graceMs: 30_000 });
  }

  end(): void {
    this.#actor.stop();
  }

  #start() {
    const { harness } = this;
    const last = harness.writes.at(-1);
    const actor = createActor(harness.machine, {
      input:
        last === undefined
          ? { from: 'request', identity: identity(), kind: this.#kind, limits, at: harness.at }
          : { from: 'record', record: toRecord(last), limits, at: harness.at },
    });
    let state = last === undefined ? 'pending' : 'recovering';
    actor.subscribe(({ value, context }) => {
      const next = outermost(value);
      this.visited.add(next);
      if (next !== state && !MAY_FOLLOW[state]?.includes(next)) this.wrongs.push(`${state} to ${next}`);
      state = next;
      const phases = PHASES[state];
      const phase = phaseOf(context);
      if (phases !== undefined && !phases.includes(phase)) this.wrongs.push(`${phase} in ${state}`);
      if (this.#isStopAsked && context.stop === undefined) this.wrongs.push(`lost a stop in ${state}`);
    });
    actor.start();
    return actor;
  }
}

const visited = new Set<string>();

const kinds = fc.constantFrom<WorkspaceKind>('regular', 'prebuild', 'imagebuild');

test.prop([kinds, fc.array(happening, { maxLength: 60 })], { numRuns: 500 })(
  'from any state, in any order of events, only the written transitions happen, and every wait has a way out',
  async (kind, happenings) => {
    const life = new Life(kind);
    for (const one of happenings) {
      if (one.kind === 'stop') life.stop(one.graceMs, one.aborted);
      else if (one.kind === 'timeout') life.timeOut();
      else if (one.kind === 'end') life.harness.finish(one);
      else if (life.harness.writes.at(-1)?.disposal === 'none') life.crash();
      await new Promise((resolve) => setImmediate(resolve));
      expect(life.isOver || life.harness.pending.length > 0).toBe(true);
    }
    expect(life.wrongs).toEqual([]);
    const ranks = life.harness.writes.map((context) => ORDER.indexOf(phaseOf(context)));
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    life.end();
    for (const state of life.visited) visited.add(state);
  },
);

test('every state was reached on the way', () => {
  expect([...visited].sort()).toEqual(Object.keys(MAY_FOLLOW).sort());
});
