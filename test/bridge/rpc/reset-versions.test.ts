import { expect, it, onTestFinished } from 'vitest';
import { findFallen, forgetVersions } from '../../../src/bridge/cluster/version-reset.js';
import type { WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { insertInstance } from '../support/instances.js';
import { openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

const HIGH = 2n ** 63n + 7n;

async function setUp() {
  const database = await openMigrated();
  onTestFinished(() => database.close());
  const harness = await PipelineHarness.start(database, undefined, { adoptUnknownInstances: false });
  const truth: WorkspaceStatus[] = [];
  const options = {
    ...{ database, writing: database, cluster: 'eu-1' },
    client: { getWorkspaces: async () => ({ status: truth }) },
  };
  const { signal } = new AbortController();
  const find = () => findFallen(options, signal);
  return {
    ...{ database, harness, truth, find },
    row: (id: string, version: bigint, but: Partial<Parameters<typeof insertInstance>[1]> = {}) =>
      insertInstance(database, { id, region: 'eu-1', phase: 'running', version, ...but }),
    forget: (found: Awaited<ReturnType<typeof find>>) => forgetVersions(options, found),
    /** The manager says it all once more, as after each list. */
    tell: async () => {
      for (const status of truth) harness.send(status, 'listed', 'eu-1');
      await harness.settle();
    },
  };
}

const ids = (rows: readonly { readonly instance: string }[]) => rows.map(({ instance }) => instance).sort();

it('lets rows take the word of a manager that was reset, and only those it is about', async () => {
  const { harness, row, truth, find, forget, tell } = await setUp();
  await row('a', HIGH);
  await row('b', 900n);
  await row('well', 3n);
  await row('unlisted', 900n);
  await row('elsewhere', 900n, { region: 'us-1' });
  await row('ended', 900n, { phase: 'stopped' });
  truth.push(
    statusOf({ id: 'a', version: HIGH - 1n, phase: 'stopping' }),
    statusOf({ id: 'b', version: 0n, phase: 'interrupted' }),
    statusOf({ id: 'well', version: 4n, phase: 'running' }),
    statusOf({ id: 'elsewhere', version: 4n, phase: 'stopping' }),
    statusOf({ id: 'ended', version: 4n, phase: 'running' }),
  );
  const phases = async () => Object.fromEntries((await harness.rows()).map(({ id, phase }) => [id, phase]));
  const before = await phases();
  await tell();
  expect(await phases()).toEqual(before);

  const found = await find();
  expect(ids(found)).toEqual(['a', 'b']);
  expect([...(await forget(found))].sort()).toEqual(['a', 'b']);
  expect(versionIn(await harness.row('unlisted'))).toBe(900n);
  await tell();
  expect(await phases()).toEqual({ ...before, a: 'stopping', b: 'interrupted' });
  expect(versionIn(await harness.row('a'))).toBe(HIGH - 1n);
  expect(await find()).toEqual([]);
});

it('is done once: a second time, and where a row has changed since, it changes nothing', async () => {
  const { database, harness, row, truth, find, forget } = await setUp();
  await row('a', 900n);
  await row('b', 900n);
  for (const id of ['a', 'b']) truth.push(statusOf({ id, version: 5n, phase: 'running' }));
  const found = await find();
  await database.write((transaction) =>
    transaction('d_b_workspace_instance')
      .where({ id: 'b' })
      .update({ status: '{"version":901,"phase":"running"}' }),
  );
  expect(await forget(found)).toEqual(['a']);
  expect(await forget(found)).toEqual([]);
  expect([versionIn(await harness.row('a')), versionIn(await harness.row('b'))]).toEqual([0n, 901n]);
});

it('keeps everything else of a row, and lets phases go forward only', async () => {
  const { database, harness, row, truth, find, forget, tell } = await setUp();
  await row('a', 900n);
  const mine = '"mine":{"big":18446744073709551615,"none":null}';
  const status = `{"phase":"running","version":900,${mine},"message":"x"}`;
  await database.write((transaction) =>
    transaction('d_b_workspace_instance').where({ id: 'a' }).update({ status }),
  );
  truth.push(statusOf({ id: 'a', version: 5n, phase: 'creating' }));
  await forget(await find());
  const left = (await harness.row('a')).status.replace(/\s/g, '');
  for (const member of [mine, '"phase":"running"', '"version":0', '"message":"x"'])
    expect(left).toContain(member);
  await tell();
  expect((await harness.row('a')).phase).toBe('running');
});

it('lets the prebuilds of these instances forget their versions, too', async () => {
  const { database, row, truth, find, forget } = await setUp();
  for (const id of ['a', 'well']) {
    await row(id, 900n, { type: 'prebuild' });
    await database.write((transaction) =>
      transaction('d_b_prebuilt_workspace').insert({
        ...{ id: `p-${id}`, cloneURL: '', commit: '', state: 'building' },
        ...{ buildWorkspaceId: `ws-${id}`, statusVersion: 900 },
      }),
    );
  }
  truth.push(statusOf({ id: 'a', version: 5n, phase: 'running' }));
  truth.push(statusOf({ id: 'well', version: 900n, phase: 'running' }));
  await forget(await find());
  const rows: { id: string; statusVersion: number | string }[] = await database.read((connection) =>
    connection('d_b_prebuilt_workspace').orderBy('id').select('id', 'statusVersion'),
  );
  expect(rows.map(({ id, statusVersion }) => [id, Number(statusVersion)])).toEqual([
    ['p-a', 0],
    ['p-well', 900],
  ]);
});
