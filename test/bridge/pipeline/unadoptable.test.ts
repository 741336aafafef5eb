import { expect, it, onTestFinished } from 'vitest';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import type { WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { isOnMysql } from '../../support/test-database.js';
import { openMigrated } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';
import { toldPipeline } from '../support/told-pipeline.js';

const LONG = 'x'.repeat(37);

async function setUp() {
  const database = await openMigrated();
  onTestFinished(() => database.close());
  const { mailboxes, clock, lines, valuesOf } = toldPipeline(database);
  const tell = async (...statuses: WorkspaceStatus[]) => {
    for (const status of statuses) {
      const update = acceptStatus('eu-1', status, clock.now());
      if (!('refused' in update)) mailboxes.accept(update, 'live');
    }
    // Nothing is tried again: no pause has to pass.
    await mailboxes.settled();
  };
  return {
    ...{ tell, lines },
    rows: () =>
      database.read((connection) => connection('d_b_workspace_instance').orderBy('id').pluck<string[]>('id')),
    values: async (name: string) => (await valuesOf(name)) ?? [],
  };
}

it.each([
  ['its id', statusOf({ id: LONG, version: 1n, phase: 'running', workspace: 'w' })],
  ['the id of its workspace', statusOf({ id: 'm', version: 1n, phase: 'running', workspace: LONG })],
  ['its owner', statusOf({ id: 'm', version: 1n, phase: 'running', owner: LONG })],
])(
  'a batch with an instance that no row can hold, for %s is too long, settles the others',
  async (_, bad) => {
    const { tell, rows, values, lines } = await setUp();
    const good = (id: string) => statusOf({ id, version: 1n, phase: 'running' });
    await tell(good('a'), bad, good('z'));
    await tell({ ...bad, statusVersion: 2n });
    const isRefused = isOnMysql();
    expect(await rows()).toEqual(isRefused ? ['a', 'z'] : ['a', bad.id, 'z'].sort());
    expect(await values('steward_bridge_write_failures_total')).toEqual([]);
    expect(await values('steward_bridge_unadoptable_updates_total')).toEqual(
      isRefused ? [{ labels: { workspace_cluster: 'eu-1' }, value: 2 }] : [],
    );
    expect(lines).toEqual(isRefused ? [expect.stringMatching(/longer than 36 characters.*gets no row/)] : []);
  },
);
