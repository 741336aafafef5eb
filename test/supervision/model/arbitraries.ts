import fc from 'fast-check';
import type { Backoff, Restart, Shutdown } from '../../../src/supervision/spec.js';
import { type Behaviour, type Command, offset, type Script, type SupervisorScript } from './script.js';

const restarts: readonly Restart[] = ['permanent', 'transient', 'temporary'];
const shutdown: fc.Arbitrary<Shutdown> = fc.constantFrom<Shutdown[]>(20, 100, 'brutal-kill', 'infinity');

const behaviour = fc.record({
  start: fc.record({
    kind: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ignore', 'error', 'hang'),
    afterMs: fc.constantFrom(0, 0, 7, 150),
  }),
  exit: fc.option(
    fc.record({
      kind: fc.constantFrom('abnormal', 'abnormal', 'normal', 'shutdown'),
      afterMs: fc.constantFrom(3, 40, 300, 900),
    }),
  ),
  stop: fc.record({
    kind: fc.constantFrom('clean', 'clean', 'crash', 'hang'),
    afterMs: fc.constantFrom(0, 5, 60),
  }),
  obeys: fc.boolean(),
  leaks: fc.boolean(),
});

const worker = fc.record({
  restart: fc.constantFrom(...restarts),
  significant: fc.boolean(),
  shutdown,
  startWithinMs: fc.constantFrom(100, 1_000),
  runs: fc.array(behaviour, { maxLength: 4 }),
});

const backoff: fc.Arbitrary<Required<Backoff>> = fc.constantFrom(
  { initialMs: 0, maxMs: 0, factor: 1, jitter: 0, resetAfterMs: 0 },
  { initialMs: 10, maxMs: 80, factor: 2, jitter: 0.2, resetAfterMs: 200 },
);

const policy = fc.record({
  restart: fc.constantFrom(...restarts),
  significant: fc.boolean(),
  strategy: fc.constantFrom('one-for-one', 'one-for-all', 'rest-for-one'),
  intensity: fc.record({ restarts: fc.nat({ max: 3 }), periodMs: fc.constantFrom(100, 2_000) }),
  backoff,
  autoShutdown: fc.constantFrom('never', 'never', 'any-significant', 'all-significant'),
  onExhausted: fc.constantFrom('escalate', 'escalate', 'park'),
});

type Plain = typeof policy extends fc.Arbitrary<infer Value> ? Value : never;
type PlainWorker = typeof worker extends fc.Arbitrary<infer Value> ? Value : never;
interface PlainTree extends Plain {
  readonly children: readonly (PlainWorker | PlainTree)[];
}

const { node } = fc.letrec<{ node: PlainTree; child: PlainWorker | PlainTree }>((tie) => ({
  child: fc.oneof(
    { depthSize: 'small', maxDepth: 2 },
    { arbitrary: worker, weight: 3 },
    { arbitrary: tie('node'), weight: 1 },
  ),
  node: fc
    .tuple(policy, fc.array(tie('child'), { minLength: 1, maxLength: 4 }))
    .map(([given, children]) => ({ ...given, children })),
}));

/** Trees of up to three levels with allowed combinations only. */
export const tree: fc.Arbitrary<SupervisorScript> = node.map((plain) => supervisor(plain, 'root', false));

const names = ['0', '1', '2', '3'] as const;
const supervisorPath = fc.constantFrom('root', 'root', 'root/0', 'root/1', 'root/0/1');
const at = fc.integer({ min: 1, max: 3_000 }).map((ms) => ms + offset('command', ms));

export const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof<fc.Arbitrary<Command>[]>(
    fc.record({ at, kind: fc.constant('stop') }),
    fc.record({
      at,
      kind: fc.constantFrom('terminate', 'restart', 'delete'),
      supervisor: supervisorPath,
      child: fc.constantFrom(...names),
    }),
    fc.record({ at, kind: fc.constant('retry'), supervisor: supervisorPath }),
  ),
  { maxLength: 4 },
);

function supervisor(plain: PlainTree, path: string, maySignify: boolean): SupervisorScript {
  const byItself = plain.autoShutdown !== 'never';
  const children = plain.children.map((child, index) => entry(child, `${path}/${index}`, byItself));
  const restart = byItself && plain.restart === 'permanent' ? 'transient' : plain.restart;
  const significant = maySignify && plain.significant && restart !== 'permanent';
  return { ...plain, kind: 'supervisor', name: nameOf(path), restart, significant, children };
}

function entry(plain: PlainWorker | PlainTree, path: string, maySignify: boolean): Script {
  if ('children' in plain) return supervisor(plain, path, maySignify);
  const significant = maySignify && plain.significant && plain.restart !== 'permanent';
  const runs = plain.runs.map((run, nth) => shifted(run, path, nth));
  return { ...plain, kind: 'worker', name: nameOf(path), significant, runs };
}

/** Gives every duration its own fraction, so that two things rarely fall on one moment. */
function shifted(run: PlainWorker['runs'][number], path: string, nth: number): Behaviour {
  const start = { ...run.start, afterMs: own(run.start.afterMs, path, nth, 'start') };
  const stop = { ...run.stop, afterMs: own(run.stop.afterMs, path, nth, 'stop') };
  const { exit, obeys, leaks } = run;
  if (exit === null) return { start, stop, obeys, leaks };
  return { start, stop, obeys, leaks, exit: { ...exit, afterMs: own(exit.afterMs, path, nth, 'exit') } };
}

function own(ms: number, path: string, nth: number, what: string): number {
  return ms === 0 ? 0 : ms + offset(path, nth, what);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
