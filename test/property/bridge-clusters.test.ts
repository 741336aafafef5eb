import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClassSync } from '../../src/bridge/cluster/class-sync.js';
import { ClusterLink } from '../../src/bridge/cluster/cluster-link.js';
import { findClusters } from '../../src/bridge/clusters/cluster-rows.js';
import { ClusterRegistry } from '../../src/bridge/clusters/registry.js';
import type { Writing } from '../../src/bridge/clusters/writing.js';
import type { Database } from '../../src/database/database.js';
import { toStewardError } from '../../src/errors/steward-error.js';
import { DescribeClusterResponse } from '../../src/gen/ws-manager-api/core.js';
import type { UpdateRequest } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { ManualClock } from '../bridge/support/manual-clock.js';
import { openMigrated } from '../bridge/support/pipeline-harness.js';
import { registration } from '../bridge/support/registry-rig.js';
import { isOnMysql } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());

const never = new AbortController().signal;
type Property = NonNullable<UpdateRequest['property']>;

type Call =
  | { readonly kind: 'register'; readonly name: string; readonly url: string }
  | { readonly kind: 'update'; readonly name: string; readonly property: Property }
  | { readonly kind: 'drain' | 'deregister'; readonly name: string }
  | { readonly kind: 'sync'; readonly name: string; readonly classes: string };

const name = fc.constantFrom('a', 'b');
const permission = (text: string) =>
  ({ constraint: { $case: 'hasPermission', value: { permission: text } } }) as const;
const property: fc.Arbitrary<Property> = fc.oneof(
  fc.nat(100).map((value) => ({ $case: 'score' as const, value })),
  fc.nat(100).map((value) => ({ $case: 'maxScore' as const, value })),
  fc.boolean().map((value) => ({ $case: 'cordoned' as const, value })),
  fc.record({ add: fc.boolean(), text: fc.constantFrom('x', 'y') }).map(({ add, text }) => ({
    $case: 'admissionConstraint' as const,
    value: { add, constraint: permission(text) },
  })),
);
/** `urls` lets several clusters want the same manager. */
const callWith = (urls: (name: string) => fc.Arbitrary<string>): fc.Arbitrary<Call> =>
  fc.oneof(
    name.chain((one) =>
      fc.record({ kind: fc.constant('register' as const), name: fc.constant(one), url: urls(one) }),
    ),
    fc.record({ kind: fc.constant('update' as const), name, property }),
    fc.record({ kind: fc.constantFrom('drain' as const, 'deregister' as const), name }),
    fc.record({ kind: fc.constant('sync' as const), name, classes: fc.constantFrom('small', 'large') }),
  );

/** The registry and the class sync over one database, every step of theirs in the scheduler's hands. */
async function setUp(scheduler: fc.Scheduler) {
  await database.write((transaction) => transaction('d_b_workspace_cluster').delete());
  const turn = (label: string) => scheduler.schedule(Promise.resolve(), label);
  const writing: Writing = {
    write: async (work) => {
      await turn('write');
      return database.write(work);
    },
    refusal: () => undefined,
  };
  const registry = new ClusterRegistry({
    ...{ database, writing, statics: async () => [], onChanged: () => undefined },
    describe: async () => {
      await turn('describe');
      return { availableWorkspaceClasses: [], preferredWorkspaceClass: 'first' };
    },
  });
  const sync = (cluster: string, classes: string) => {
    const clock = new ManualClock();
    const link = new ClusterLink(clusterNamed(cluster), clock);
    link.streamStarted();
    const describeCluster = async () => {
      await turn('look');
      return DescribeClusterResponse.fromPartial({ preferredWorkspaceClass: classes });
    };
    return new ClassSync({
      ...{ client: { describeCluster }, link, writing, clock, intervalMs: 1, onFailed: () => undefined },
    }).sync(never);
  };
  const run = (call: Call): Promise<void> => {
    switch (call.kind) {
      case 'register':
        return registry.register(registration(call.name, call.url), never);
      case 'update':
        return registry.update({ name: call.name, property: call.property }, never);
      case 'drain':
        return registry.drain(call.name);
      case 'deregister':
        return registry.deregister(call.name, false);
      case 'sync':
        return sync(call.name, call.classes);
    }
  };
  return async (calls: readonly Call[]) => {
    const answers = calls.map((call) =>
      run(call).then(
        () => 'ok',
        (thrown: unknown) => toStewardError(thrown).code,
      ),
    );
    const all = await scheduler.waitFor(Promise.all(answers));
    return { answers: all, rows: await database.read((connection) => findClusters(connection)) };
  };
}

interface Told {
  score: number;
  maxScore: number;
  state: string;
  permissions: string[];
}

/** One name's calls, one after the other, as the documentation has them. */
function expected(calls: readonly Call[]): { answers: string[]; row: Told | undefined } {
  let row: Told | undefined;
  const answers = calls.map((call) => {
    if (call.kind === 'sync') return 'ok';
    if (call.kind === 'register') {
      if (row !== undefined) return 'cluster-exists';
      row = { score: 50, maxScore: 100, state: 'available', permissions: [] };
      return 'ok';
    }
    if (call.kind === 'deregister') {
      row = undefined;
      return 'ok';
    }
    if (row === undefined) return 'unknown-cluster';
    if (call.kind === 'drain') row.state = 'draining';
    else if (call.kind === 'update') change(row, call.property);
    return 'ok';
  });
  return { answers, row };
}

function change(row: Told, { $case, value }: Property): void {
  if ($case === 'score') row.score = value;
  if ($case === 'maxScore') row.maxScore = value;
  if ($case === 'cordoned') row.state = value ? 'cordoned' : 'available';
  if ($case !== 'admissionConstraint' || value.constraint?.constraint?.$case !== 'hasPermission') return;
  const { permission: text } = value.constraint.constraint.value;
  const others = row.permissions.filter((other) => other !== text);
  row.permissions = value.add
    ? row.permissions.includes(text)
      ? row.permissions
      : [...others, text]
    : others;
}

describe('changes of clusters that come at once', () => {
  it('are answered, and end, as if each name had been changed alone and in order; classes beside them', async () => {
    const calls = fc.array(
      callWith((one) => fc.constant(`unix:/${one}.sock`)),
      {
        maxLength: 12,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), calls, async (scheduler, made) => {
        const run = await setUp(scheduler);
        const { answers, rows } = await run(made);
        for (const one of ['a', 'b']) {
          const own = made.flatMap((call, at) => (call.name === one ? [{ call, answer: answers[at] }] : []));
          const model = expected(own.map(({ call }) => call));
          expect(own.map(({ answer }) => answer)).toEqual(model.answers);
          const row = rows.find((candidate) => candidate.name === one);
          expect(
            row && {
              ...{ score: row.score, maxScore: row.maxScore, state: row.state },
              permissions: row.admissionConstraints.map((constraint) =>
                constraint.type === 'has-permission' ? constraint.permission : constraint.type,
              ),
            },
          ).toEqual(model.row);
          const offered = own.flatMap(({ call }) => (call.kind === 'sync' ? [call.classes] : []));
          if (row !== undefined) expect(['first', ...offered]).toContain(row.preferredWorkspaceClass);
        }
      }),
      { numRuns: isOnMysql() ? 10 : 200 },
    );
  });

  it('never leave two clusters with one manager', async () => {
    const calls = fc.array(
      callWith(() => fc.constantFrom('unix:/one.sock', 'unix:/two.sock')),
      {
        maxLength: 8,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), calls, async (scheduler, made) => {
        const run = await setUp(scheduler);
        const { rows } = await run(made);
        expect(new Set(rows.map(({ url }) => url)).size).toBe(rows.length);
      }),
      { numRuns: isOnMysql() ? 10 : 100 },
    );
  });
});
