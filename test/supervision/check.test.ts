import { describe, expect, it } from 'vitest';
import { checkSupervisor } from '../../src/supervision/check.js';
import type { ChildSpec, SupervisorSpec, WorkerSpec } from '../../src/supervision/spec.js';

const start = () => 'ignore' as const;
const transient: WorkerSpec = { kind: 'worker', name: 'child', restart: 'transient', start };

/** What the compiler refuses; each line fails to compile without its expectation. */
const refusedByTheCompiler: readonly (SupervisorSpec | ChildSpec)[] = [
  // @ts-expect-error a permanent child comes back, so its end cannot be significant
  { kind: 'worker', name: 'child', restart: 'permanent', significant: true, start },
  // @ts-expect-error without auto-shutdown nothing is significant
  { strategy: 'one-for-one', children: [{ ...transient, restart: 'transient', significant: true }] },
  // @ts-expect-error a supervisor that ends by itself must not be permanent
  {
    kind: 'supervisor',
    name: 'child',
    restart: 'permanent',
    supervisor: { strategy: 'one-for-one', autoShutdown: 'any-significant', children: [] },
  },
  // @ts-expect-error a dynamic supervisor parks single children, not itself
  { strategy: 'dynamic', childKind: 'worker', onExhausted: 'park' },
  // @ts-expect-error a dynamic supervisor starts without children
  { strategy: 'dynamic', childKind: 'worker', children: [transient] },
];

/** A specification from outside the compiler, such as one read from a file. */
function check(spec: object): () => void {
  return () => checkSupervisor('root', JSON.parse(JSON.stringify(spec)));
}

describe('a specification is refused', () => {
  const one = (child: object, more: object = {}) => ({ strategy: 'one-for-one', children: [child], ...more });

  it('by the compiler, for five combinations', () => {
    expect(refusedByTheCompiler.length).toBe(5);
  });

  it.each([
    [
      'permanent and significant',
      one({ ...transient, restart: 'permanent', significant: true }, { autoShutdown: 'any-significant' }),
      /root\/child: cannot be permanent and significant/,
    ],
    [
      'significant without auto-shutdown',
      one({ ...transient, significant: true }),
      /never shuts down by itself/,
    ],
    [
      'a permanent supervisor that ends by itself',
      one({
        kind: 'supervisor',
        name: 's',
        restart: 'permanent',
        supervisor: one(transient, { autoShutdown: 'all-significant' }),
      }),
      /root\/s: cannot be permanent/,
    ],
    [
      'two children of one name',
      { strategy: 'one-for-one', children: [transient, transient] },
      /two children named "child"/,
    ],
    ['a name with a slash', one({ ...transient, name: 'a/b' }), /names without/],
    ['a negative shutdown', one({ ...transient, shutdown: -1 }), /shutdown of 0 ms or more/],
    ['a broken intensity', one(transient, { intensity: { restarts: 1.5, periodMs: 1 } }), /whole number/],
    ['a period of nothing', one(transient, { intensity: { restarts: 1, periodMs: 0 } }), /above 0/],
    [
      'pauses that shrink',
      one(transient, { backoff: { initialMs: 5, maxMs: 4, factor: 2, jitter: 0 } }),
      /initialMs/,
    ],
    [
      'a jitter above 1',
      one(transient, { backoff: { initialMs: 5, maxMs: 5, factor: 2, jitter: 2 } }),
      /jitter/,
    ],
  ])('at run time: %s', (_, spec, message) => {
    expect(check(spec)).toThrow(message);
  });

  it('but not when it is right', () => {
    expect(
      check(one({ ...transient, significant: true }, { autoShutdown: 'any-significant' })),
    ).not.toThrow();
  });
});
