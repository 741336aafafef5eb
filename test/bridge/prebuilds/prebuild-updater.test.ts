import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PrebuildReading } from '../../../src/bridge/prebuilds/prebuild-mapping.js';
import type { Database } from '../../../src/database/database.js';
import type { WorkspaceConditions } from '../../../src/gen/ws-manager-api/core.js';
import { WorkspaceStatus, WorkspaceType } from '../../../src/gen/ws-manager-api/core.js';
import { stopOf } from '../support/instances.js';
import { emptyTables, openMigrated, PipelineHarness } from '../support/pipeline-harness.js';
import { type StatusOptions, statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(async () => {
  await emptyTables(database);
  await database.write(async (transaction) => {
    await transaction('d_b_workspace').insert({ id: 'w', ownerId: 'u', type: 'prebuild', creationTime: 'c' });
    await transaction('d_b_prebuilt_workspace').insert({
      id: 'p',
      cloneURL: 'https://git.example/repository',
      commit: 'abc',
      state: 'queued',
      creationTime: '2026-01-01 00:00:00.000000',
      buildWorkspaceId: 'w',
    });
    const info = { id: 'p', buildWorkspaceId: 'w', projectId: 'project', branch: 'main', teamId: 'team' };
    await transaction('d_b_prebuild_info').insert({ prebuildId: 'p', info: JSON.stringify(info) });
  });
});

interface PrebuildRow {
  readonly state: string;
  readonly snapshot: string;
  readonly error: string;
  readonly statusVersion: number;
}

async function row(): Promise<PrebuildRow | undefined> {
  const stored = await database.read((connection) =>
    connection('d_b_prebuilt_workspace').where({ id: 'p' }).first<PrebuildRow | undefined>(),
  );
  // 64-bit integers come as texts from some drivers.
  return stored && { ...stored, statusVersion: Number(stored.statusVersion) };
}

const start = (reading: PrebuildReading = 'when-stopped') =>
  PipelineHarness.start(database, undefined, { prebuildReading: reading });

function prebuild(
  version: bigint,
  phase: StatusOptions['phase'],
  conditions: Partial<WorkspaceConditions> = {},
): WorkspaceStatus {
  const status = statusOf({ id: 'i', workspace: 'w', owner: 'u', version, phase });
  return WorkspaceStatus.fromPartial({
    ...status,
    spec: { ...status.spec, type: WorkspaceType.PREBUILD },
    conditions: { ...status.conditions, ...conditions },
  });
}

/** Each alone, so that nothing is merged. */
async function tell(harness: PipelineHarness, ...statuses: WorkspaceStatus[]): Promise<void> {
  for (const status of statuses) {
    harness.send(status);
    await harness.settle();
  }
  await harness.relay.flush();
}

const messages = (harness: PipelineHarness, channel: string) =>
  harness.published.filter((event) => event.channel === channel).map((event) => JSON.parse(event.payload));

describe('a prebuild', () => {
  it('goes from the queue to available, and each step is told once', async () => {
    const harness = await start();
    await tell(
      harness,
      prebuild(1n, 'pending'),
      prebuild(2n, 'running'),
      prebuild(3n, 'stopping', { snapshot: 's@bucket' }),
      prebuild(4n, 'stopped', { snapshot: 's@bucket' }),
    );
    expect(await row()).toMatchObject({
      state: 'available',
      snapshot: 's@bucket',
      error: '',
      statusVersion: 4,
    });
    expect(messages(harness, 'chan:headless')).toEqual([
      { workspaceID: 'w', type: 'started' },
      { workspaceID: 'w', type: 'finish-success' },
    ]);
    const told = { prebuildID: 'p', workspaceID: 'w', projectID: 'project', organizationID: 'team' };
    expect(messages(harness, 'chan:prebuilds')).toEqual([
      { status: 'building', ...told },
      { status: 'available', ...told },
    ]);
    expect(harness.prebuilds.flatMap(({ completed }) => completed)).toEqual(['available']);
  });

  it('stays available when its manager tells more, or its row is stopped by force', async () => {
    const harness = await start('while-stopping');
    await tell(
      harness,
      prebuild(1n, 'running'),
      prebuild(2n, 'stopping', { snapshot: 's@bucket' }),
      prebuild(3n, 'stopping', { snapshot: 's@bucket', failed: 'late' }),
    );
    expect(await row()).toMatchObject({ state: 'available', snapshot: 's@bucket', error: '' });
    const requestedAt = harness.clock.now();
    harness.mailboxes.requestStop(stopOf('i', 3n, { expectedPhase: 'stopping', requestedAt }));
    await harness.settle();
    expect(await harness.row('i')).toMatchObject({ phase: 'stopped' });
    expect(await row()).toMatchObject({ state: 'available' });
  });

  it('is aborted when its row is stopped by force while it is built', async () => {
    const harness = await start();
    await tell(harness, prebuild(1n, 'running'));
    const requestedAt = harness.clock.now();
    harness.mailboxes.requestStop(stopOf('i', 1n, { expectedPhase: 'running', requestedAt }));
    await harness.settle();
    await harness.relay.flush();
    expect(await row()).toMatchObject({ state: 'aborted', error: '', statusVersion: 1 });
    expect(messages(harness, 'chan:prebuilds').at(-1)).toMatchObject({ status: 'aborted' });
    expect(messages(harness, 'chan:headless')).toEqual([{ workspaceID: 'w', type: 'started' }]);
  });

  it.each(['when-stopped', 'while-stopping'] as const)(
    'misses nothing when its last statuses are merged (%s)',
    async (reading) => {
      const harness = await start(reading);
      harness.send(prebuild(1n, 'running'));
      harness.send(prebuild(2n, 'stopping', { snapshot: 's@bucket' }));
      harness.send(prebuild(3n, 'stopped', { snapshot: 's@bucket' }));
      await harness.settle();
      expect(await row()).toMatchObject({ state: 'available', snapshot: 's@bucket', statusVersion: 3 });
    },
  );

  it('is not touched by statuses that are older than its row, which are counted', async () => {
    await database.write((transaction) =>
      transaction('d_b_prebuilt_workspace').update({ statusVersion: 9, state: 'building' }),
    );
    const harness = await start();
    await tell(harness, prebuild(9n, 'stopped', { failed: 'old' }));
    expect(await row()).toMatchObject({ state: 'building', statusVersion: 9, error: '' });
    expect(harness.prebuilds.at(-1)?.stale).toBe(1);
  });

  it('is brought to its end by versions that its column cannot hold', async () => {
    const harness = await start();
    const first = 2n ** 63n + 5n;
    await tell(
      harness,
      prebuild(first, 'running'),
      prebuild(first + 1n, 'stopped', { snapshot: 's@bucket' }),
      prebuild(first, 'running'),
    );
    expect(await row()).toMatchObject({ state: 'available', snapshot: 's@bucket' });
    expect(messages(harness, 'chan:prebuilds').at(-1)).toMatchObject({ status: 'available' });
  });

  it('keeps the beginning of an error that is longer than its column', async () => {
    const harness = await start();
    await tell(harness, prebuild(1n, 'stopped', { failed: 'e'.repeat(1_000) }));
    const { error, state } = (await row()) ?? { error: '', state: '' };
    expect(state).toBe('failed');
    expect(error).toBe(`${'e'.repeat(251)} ...`);
  });

  it('without an info row, or with a broken one, is brought to the truth and told as headless only', async () => {
    for (const info of [undefined, 'no JSON', '{"id":"p"}']) {
      await database.write(async (transaction) => {
        await transaction('d_b_prebuild_info').delete();
        await transaction('d_b_prebuilt_workspace').update({ state: 'queued', statusVersion: 0 });
        if (info !== undefined) await transaction('d_b_prebuild_info').insert({ prebuildId: 'p', info });
        await transaction('d_b_workspace_instance').delete();
        await transaction('steward_adoption').delete();
      });
      const harness = await start();
      await tell(harness, prebuild(1n, 'running'));
      expect(await row()).toMatchObject({ state: 'building' });
      expect(messages(harness, 'chan:prebuilds')).toEqual([]);
      expect(messages(harness, 'chan:headless')).toEqual([{ workspaceID: 'w', type: 'started' }]);
    }
  });

  it('whose content was deleted is left alone, as is a regular workspace with a row like one', async () => {
    await database.write((transaction) =>
      transaction('d_b_workspace').update({ contentDeletedTime: 'then' }),
    );
    const harness = await start();
    await tell(harness, prebuild(1n, 'running'));
    expect(await row()).toMatchObject({ state: 'queued' });
    await database.write((transaction) => transaction('d_b_workspace').update({ contentDeletedTime: '' }));
    await tell(harness, statusOf({ id: 'j', workspace: 'w', owner: 'u', version: 1n, phase: 'running' }));
    expect(await row()).toMatchObject({ state: 'queued' });
  });
});
