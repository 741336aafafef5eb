import { describe, expect, it, vi } from 'vitest';
import { ClassSync } from '../../../src/bridge/cluster/class-sync.js';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import {
  changeCluster,
  deleteByName,
  findClusters,
  insertCluster,
} from '../../../src/bridge/clusters/cluster-rows.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { DescribeClusterResponse } from '../../../src/gen/ws-manager-api/core.js';
import { deferred } from '../../grpc/running-server.js';
import { clusterNamed } from '../support/clusters.js';
import { ManualClock } from '../support/manual-clock.js';
import { databaseWithWriting } from '../support/registry-rig.js';

const offered = DescribeClusterResponse.fromPartial({
  workspaceClasses: [{ id: 'small', displayName: 'Small' }],
  preferredWorkspaceClass: 'small',
});
const small = { id: 'small', displayName: 'Small', description: '', creditsPerMinute: 0 };
const never = new AbortController().signal;

async function setUp() {
  const { database, writing, refuse } = await databaseWithWriting();
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('a'), clock);
  link.streamStarted();
  let describeCluster = async () => offered;
  let asked = 0;
  const failures: StewardError[] = [];
  const sync = new ClassSync({
    client: {
      describeCluster: () => {
        asked += 1;
        return describeCluster();
      },
    },
    ...{ link, writing, clock },
    intervalMs: 60_000,
    onFailed: (error) => failures.push(error),
  });
  await database.write((transaction) => insertCluster(transaction, clusterNamed('a')));
  return {
    ...{ database, link, sync, refuse, clock, failures },
    asked: () => asked,
    answer: (next: () => Promise<DescribeClusterResponse>) => {
      describeCluster = next;
    },
    row: async () => (await database.read((connection) => findClusters(connection)))[0],
  };
}

describe('the classes of a cluster', () => {
  it('are those its manager offers', async () => {
    const { sync, row } = await setUp();
    await sync.sync(never);
    expect(await row()).toEqual(
      clusterNamed('a', { availableWorkspaceClasses: [small], preferredWorkspaceClass: 'small' }),
    );
  });

  it('are changed beside what others change meanwhile', async () => {
    const { database, sync, row, answer } = await setUp();
    answer(async () => {
      const change = { score: 3, state: 'cordoned' } as const;
      await database.write((transaction) => changeCluster(transaction, 'a', change));
      return offered;
    });
    await sync.sync(never);
    expect(await row()).toMatchObject({ score: 3, state: 'cordoned', preferredWorkspaceClass: 'small' });
  });

  it('bring no row back that was removed meanwhile, and make none', async () => {
    const { database, sync, row, answer } = await setUp();
    answer(async () => {
      await database.write((transaction) => deleteByName(transaction, 'a'));
      return offered;
    });
    await sync.sync(never);
    expect(await row()).toBeUndefined();
  });

  it('are asked for by the one bridge that writes, and not while the manager is away', async () => {
    const { sync, link, refuse, asked } = await setUp();
    link.streamEnded(undefined);
    await sync.sync(never);
    link.streamStarted();
    refuse(new StewardError('unavailable', 'another bridge writes'));
    await sync.sync(never);
    expect(asked()).toBe(0);
  });

  it('leave the row alone while nothing changes', async () => {
    const { database, sync } = await setUp();
    await sync.sync(never);
    await database.write((transaction) =>
      transaction('d_b_workspace_cluster').update({ _lastModified: '2001-01-01 00:00:00' }),
    );
    await sync.sync(never);
    const stamp = await database.read((connection) =>
      connection('d_b_workspace_cluster').first('_lastModified as at'),
    );
    expect(stamp).toEqual({ at: '2001-01-01 00:00:00' });
  });

  it('are asked for again after a failure, one look after the other', async () => {
    const { sync, answer, asked, clock, failures, row } = await setUp();
    const stuck = deferred<DescribeClusterResponse>();
    answer(() => stuck.promise);
    const ending = new AbortController();
    const running = sync.run(ending.signal);
    await vi.waitFor(() => expect(asked()).toBe(1), { timeout: 15_000 });
    clock.advance(10 * 60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked()).toBe(1);
    answer(() => Promise.reject(new StewardError('unavailable', 'it went away')));
    stuck.resolve(offered);
    await vi.waitFor(async () => expect((await row())?.preferredWorkspaceClass).toBe('small'), {
      timeout: 15_000,
    });
    await vi.waitFor(() => expect(clock.timers).toBe(1), { timeout: 15_000 });
    clock.advance(60_000);
    await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 15_000 });
    await vi.waitFor(() => expect(clock.timers).toBe(1), { timeout: 15_000 });
    clock.advance(60_000);
    await vi.waitFor(() => expect(failures).toHaveLength(2), { timeout: 15_000 });
    ending.abort();
    await running;
  });
});
