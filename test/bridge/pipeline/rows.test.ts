import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import type { Database } from '../../../src/database/database.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import {
  WorkspaceConditionBool,
  WorkspacePhase,
  WorkspaceStatus,
} from '../../../src/gen/ws-manager-api/core.js';
import { stopOf } from '../support/instances.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

const iso = (milliseconds: number) => new Date(milliseconds).toISOString();

async function insertRow(status: object, columns: object = {}): Promise<void> {
  await database.write(async (transaction) => {
    await transaction('d_b_workspace').insert({ id: 'w', ownerId: 'u', creationTime: 'c' });
    await transaction('d_b_workspace_instance').insert({
      id: 'i',
      workspaceId: 'w',
      region: 'local',
      creationTime: iso(0),
      ideUrl: '',
      status: JSON.stringify(status),
      phasePersisted: 'phase' in status ? status.phase : '',
      ...columns,
    });
  });
}

describe('a row', () => {
  it('gets its times when things are seen first, also when the updates were merged', async () => {
    const harness = await PipelineHarness.start(database);
    const { clock } = harness;
    const at: Record<string, string> = {};
    harness.beforeWrite = () => undefined;
    const phases = [
      'pending',
      'creating',
      'running',
      'interrupted',
      'running',
      'stopping',
      'stopped',
    ] as const;
    for (const [index, phase] of phases.entries()) {
      clock.advance(1_000);
      at[phase] ??= iso(clock.now());
      harness.send(statusOf({ id: 'i', version: BigInt(index + 1), phase, deployed: index > 0 }));
    }
    await harness.settle();
    expect(await harness.row('i')).toMatchObject({
      phase: 'stopped',
      phasePersisted: 'stopped',
      startedTime: at['running'],
      deployedTime: at['creating'],
      stoppingTime: at['stopping'],
      stoppedTime: at['stopped'],
      ideUrl: 'https://i.example',
    });
  });

  it('keeps its times when the same is told again', async () => {
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    harness.send(statusOf({ id: 'i', version: 2n, phase: 'stopped' }));
    await harness.settle();
    const before = await harness.row('i');
    harness.clock.advance(60_000);
    harness.send(statusOf({ id: 'i', version: 3n, phase: 'stopped', failed: 'late news' }));
    await harness.settle();
    const after = await harness.row('i');
    expect(JSON.parse(after.status).conditions.failed).toBe('late news');
    expect([after.startedTime, after.stoppingTime, after.stoppedTime]).toEqual([
      before.startedTime,
      before.stoppingTime,
      before.stoppedTime,
    ]);
    expect(before.stoppingTime).toBe(before.stoppedTime);
  });

  it('touches only our columns and keys, and leaves the rest to others', async () => {
    await insertRow(
      {
        version: 3,
        phase: 'pending',
        theirs: { a: [1] },
        conditions: { neededImageBuild: true, pullingImages: true },
      },
      { gitStatus: '{"branch":"main"}', workspaceImage: 'theirs', configuration: '{}' },
    );
    const harness = await PipelineHarness.start(database, undefined, { adoptUnknownInstances: false });
    harness.send(statusOf({ id: 'i', version: 4n, phase: 'running', ownerToken: 'token', message: 'hello' }));
    await harness.settle();
    const row = await harness.row('i');
    expect(row).toMatchObject({
      gitStatus: '{"branch":"main"}',
      workspaceImage: 'theirs',
      configuration: '{}',
    });
    expect(JSON.parse(row.status)).toEqual({
      version: 4,
      phase: 'running',
      theirs: { a: [1] },
      message: 'hello',
      timeout: '30m0s',
      exposedPorts: [],
      ownerToken: 'token',
      conditions: {
        neededImageBuild: true,
        failed: '',
        timeout: '',
        headlessTaskFailed: '',
        deployed: false,
        stoppedByRequest: false,
      },
    });
  });

  it('never takes EMPTY for true', async () => {
    await insertRow({ version: 1, phase: 'pending', conditions: { deployed: true } });
    const harness = await PipelineHarness.start(database);
    const status = statusOf({ id: 'i', version: 2n, phase: 'running' });
    harness.send({
      ...status,
      conditions: WorkspaceStatus.fromPartial({
        conditions: {
          deployed: WorkspaceConditionBool.EMPTY,
          stoppedByRequest: WorkspaceConditionBool.EMPTY,
        },
      }).conditions,
    });
    await harness.settle();
    const row = await harness.row('i');
    expect(JSON.parse(row.status).conditions).not.toHaveProperty('deployed');
    expect(JSON.parse(row.status).conditions).not.toHaveProperty('stoppedByRequest');
    expect(row.deployedTime).toBe('');
  });

  it('maps ports, node, activity and metrics, and keeps what later updates do not tell', async () => {
    const harness = await PipelineHarness.start(database);
    const activity = new Date(Date.UTC(2026, 0, 1, 12));
    const first = WorkspaceStatus.fromPartial({
      ...statusOf({ id: 'i', version: 1n, phase: 'running', firstActivity: activity, ownerToken: 't' }),
      runtime: { nodeName: 'node-1', podName: 'pod-1', nodeIp: '10.0.0.1' },
      initializerMetrics: {
        git: { duration: { seconds: 2n, nanos: 500_000_000 }, size: 7n },
        backup: { size: 1n },
      },
    });
    const spec = WorkspaceStatus.fromPartial({
      spec: {
        url: 'https://u',
        exposedPorts: [
          { port: 80, visibility: 1, protocol: 1, url: 'https://p' },
          { port: 81, visibility: 0, protocol: 0, url: 'http://q' },
        ],
      },
    }).spec;
    const metadata = WorkspaceStatus.fromPartial({
      metadata: { owner: 'o', metaId: 'w', metrics: { image: { totalSize: 10n, workspaceImageSize: 4n } } },
    }).metadata;
    harness.send({ ...first, spec, metadata });
    await harness.settle();
    harness.send(statusOf({ id: 'i', version: 2n, phase: 'running', workspace: 'w', owner: 'o' }));
    await harness.settle();
    const status = JSON.parse((await harness.row('i')).status);
    expect(status).toMatchObject({
      version: 2,
      nodeName: 'node-1',
      podName: 'pod-1',
      nodeIp: '10.0.0.1',
      ownerToken: 't',
      exposedPorts: [],
      metrics: { image: { totalSize: 10, workspaceImageSize: 4 } },
      conditions: { firstUserActivity: activity.toISOString() },
    });
    const metrics = await database.read((connection) => connection('d_b_workspace_instance_metrics').first());
    expect(JSON.parse(metrics.metrics)).toEqual({
      image: { totalSize: 10, workspaceImageSize: 4 },
      initializerMetrics: { git: { duration: 2_500, size: 7 } },
    });
  });

  it.each([
    [9_007_199_254_740_993n, 9_007_199_254_740_994n],
    [2n ** 63n - 1n, 2n ** 63n],
    [2n ** 64n - 2n, 2n ** 64n - 1n],
  ])('compares versions as unsigned 64-bit integers: %s, %s', async (older, newer) => {
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'i', version: older, phase: 'pending' }));
    await harness.settle();
    harness.send(statusOf({ id: 'i', version: newer, phase: 'running' }));
    await harness.settle();
    harness.send(statusOf({ id: 'i', version: older, phase: 'stopped' }));
    await harness.settle();
    const row = await harness.row('i');
    expect([row.phase, versionIn(row)]).toEqual(['running', newer]);
  });

  it('keeps its phase when the manager does not know, and takes everything else', async () => {
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    harness.send(statusOf({ id: 'i', version: 2n, phase: undefined, message: 'who knows' }));
    harness.send({
      ...statusOf({ id: 'j', version: 2n, phase: undefined }),
      phase: WorkspacePhase.UNRECOGNIZED,
    });
    await harness.settle();
    const row = await harness.row('i');
    expect([row.phase, versionIn(row), JSON.parse(row.status).message]).toEqual(['running', 2n, 'who knows']);
    expect((await harness.row('j')).phase).toBe('preparing');
  });

  it('is published only when something differs: the published vectors', async () => {
    const harness = await PipelineHarness.start(database);
    const send = async (version: bigint, failed: string) => {
      harness.send(statusOf({ id: 'i', version, phase: 'running', failed }));
      await harness.settle();
      await harness.relay.flush();
      return harness.published.length;
    };
    expect(await send(123n, 'x')).toBe(1);
    expect(await send(123n, 'x')).toBe(1);
    expect(await send(124n, 'x')).toBe(1);
    expect(versionIn(await harness.row('i'))).toBe(124n);
    expect(await send(125n, 'y')).toBe(2);
    expect(harness.outcomes.map((outcome) => outcome.kind)).toEqual([
      'written',
      'skipped',
      'skipped',
      'written',
    ]);
  });

  it('counts and drops what is stale or contradictory, whole', async () => {
    const harness = await PipelineHarness.start(database);
    for (const [version, phase] of [
      [5n, 'stopped'],
      [4n, 'running'],
      [6n, 'running'],
    ] as const) {
      harness.send(statusOf({ id: 'i', version, phase, message: `v${version}` }));
      await harness.settle();
    }
    const row = await harness.row('i');
    expect([row.phase, versionIn(row), JSON.parse(row.status).message]).toEqual(['stopped', 5n, 'v5']);
    expect(harness.outcomes.map((outcome) => outcome.kind)).toEqual(['written', 'stale', 'contradictory']);
  });

  it('loses the tokens of its instance when it stops, and only those', async () => {
    await insertRow({ version: 1, phase: 'running' }, { id: 'a_1' });
    const token = (tokenHash: string, name: string, userId = 'u') => ({
      tokenHash,
      name,
      userId,
      type: 1,
      created: '',
    });
    await database.write((transaction) =>
      transaction('d_b_gitpod_token').insert([
        token('1', 'a_1-x'),
        token('2', 'ab1-x'),
        token('3', 'a_1-y', 'v'),
      ]),
    );
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'a_1', version: 2n, phase: 'stopped' }));
    await harness.settle();
    const left = await database.read((connection) =>
      connection('d_b_gitpod_token').orderBy('tokenHash').pluck('tokenHash'),
    );
    expect(left).toEqual(['2', '3']);
  });
});

describe('an instance without a row', () => {
  it('is adopted once: a row that was deleted since stays deleted', async () => {
    const harness = await PipelineHarness.start(database);
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    const workspaces = await database.read((connection) =>
      connection('d_b_workspace').select('id', 'ownerId', 'type'),
    );
    expect(workspaces).toEqual([{ id: 'ws-i', ownerId: 'owner-1', type: 'regular' }]);
    await database.write((transaction) => transaction('d_b_workspace_instance').delete());
    harness.send(statusOf({ id: 'i', version: 2n, phase: 'stopped' }));
    await harness.settle();
    expect(await harness.rows()).toEqual([]);
    expect(harness.outcomes.at(-1)?.kind).toBe('unknown-instance');
  });

  it('is left alone where another program creates the rows', async () => {
    const harness = await PipelineHarness.start(database, undefined, { adoptUnknownInstances: false });
    harness.send(statusOf({ id: 'i', version: 1n, phase: 'running' }));
    await harness.settle();
    expect(await harness.rows()).toEqual([]);
  });
});

describe('an order to stop', () => {
  const stop = (expectedVersion: bigint, requestedAt: number) =>
    stopOf('i', expectedVersion, { requestedAt });

  it('stops the row it was decided upon', async () => {
    await insertRow({ version: 4, phase: 'running' }, { startedTime: iso(1_000) });
    const harness = await PipelineHarness.start(database);
    harness.mailboxes.requestStop(stop(4n, 9_000));
    await harness.settle();
    const row = await harness.row('i');
    expect(row).toMatchObject({ phase: 'stopped', stoppingTime: iso(9_000), stoppedTime: iso(9_000) });
    expect([versionIn(row), JSON.parse(row.status).message]).toEqual([4n, 'gone']);
  });

  it('does nothing when a server has moved the row on since, which has no version yet', async () => {
    await insertRow({ version: 0, phase: 'pending' }, { region: 'eu' });
    const harness = await PipelineHarness.start(database);
    const order = (but: Partial<StopRequest>) =>
      stopOf('i', 0n, { expectedPhase: 'pending', expectedRegion: 'eu', ...but });
    for (const stale of [
      { expectedPhase: 'building' },
      { expectedRegion: '' },
      { expectedRegion: 'EU' },
    ] as const) {
      harness.mailboxes.requestStop(order(stale));
      await harness.settle();
    }
    expect((await harness.row('i')).phase).toBe('pending');
    harness.mailboxes.requestStop(order({}));
    await harness.settle();
    expect((await harness.row('i')).phase).toBe('stopped');
  });

  it('does nothing when the manager has spoken since, or speaks before its turn', async () => {
    await insertRow({ version: 4, phase: 'running' });
    const harness = await PipelineHarness.start(database);
    harness.mailboxes.requestStop(stop(3n, 9_000));
    await harness.settle();
    expect((await harness.row('i')).phase).toBe('running');
    let refusals = 1;
    harness.beforeWrite = () => {
      refusals -= 1;
      if (refusals === 0) throw new StewardError('unavailable', 'busy');
    };
    harness.mailboxes.requestStop(stop(4n, 9_000));
    await vi.waitFor(() => expect(harness.failures).toHaveLength(1), { timeout: 15_000 });
    harness.send(statusOf({ id: 'i', version: 4n, phase: 'running' }));
    await harness.settle();
    expect((await harness.row('i')).phase).toBe('running');
  });
});
