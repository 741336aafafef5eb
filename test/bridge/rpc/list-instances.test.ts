import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listInstances } from '../../../src/bridge/rpc/list-instances.js';
import type { Database } from '../../../src/database/database.js';
import type { ListInstancesRequest } from '../../../src/gen/steward/v1/bridge.js';
import { openMigrated, PipelineHarness } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
  const harness = await PipelineHarness.start(database);
  for (let index = 0; index < 5; index += 1) {
    const phase = index < 2 ? 'stopped' : 'running';
    const options = { id: `i-${index}`, version: 2n ** 63n, phase, owner: `owner-${index % 2}` } as const;
    harness.send(statusOf({ ...options, ownerToken: 'very secret', failed: index === 0 ? 'broken' : '' }));
    await harness.settle();
    harness.clock.advance(1);
  }
});
afterAll(() => database.close());

const all: ListInstancesRequest = {
  owner: '',
  workspaceId: '',
  instanceId: '',
  phases: [],
  pageSize: 0,
  pageToken: '',
  region: '',
  instanceIds: [],
};

async function ids(request: Partial<ListInstancesRequest>): Promise<string[]> {
  return (await listInstances(database, { ...all, ...request })).instances.map((row) => row.instanceId);
}

describe('ListInstances', () => {
  it('lists rows newest first, in pages without gaps or repetitions', async () => {
    expect(await ids({})).toEqual(['i-4', 'i-3', 'i-2', 'i-1', 'i-0']);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await listInstances(database, { ...all, pageSize: 2, pageToken });
      seen.push(...page.instances.map((row) => row.instanceId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(['i-4', 'i-3', 'i-2', 'i-1', 'i-0']);
  });

  it('takes every filter that is set', async () => {
    expect(await ids({ owner: 'owner-1' })).toEqual(['i-3', 'i-1']);
    expect(await ids({ owner: 'owner-1', phases: ['stopped'] })).toEqual(['i-1']);
    expect(await ids({ workspaceId: 'ws-i-2' })).toEqual(['i-2']);
    expect(await ids({ instanceId: 'nobody' })).toEqual([]);
    expect(await ids({ instanceIds: ['i-1', 'nobody', 'i-3'] })).toEqual(['i-3', 'i-1']);
    expect(await ids({ instanceIds: ['i-1', 'i-3'], phases: ['running'] })).toEqual(['i-3']);
  });

  it('tells the whole version and the conditions, and never the owner token', async () => {
    const { instances } = await listInstances(database, { ...all, instanceId: 'i-0' });
    expect(instances[0]?.version).toBe(2n ** 63n);
    expect(JSON.parse(instances[0]?.conditionsJson ?? '')).toMatchObject({ failed: 'broken' });
    expect(Object.values(instances[0] ?? {}).join()).not.toContain('secret');
  });

  it('refuses more ids than a page has', async () => {
    const instanceIds = Array.from({ length: 1_001 }, (_, index) => `i-${index}`);
    await expect(ids({ instanceIds })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('refuses a page token it never gave', async () => {
    for (const pageToken of ['nonsense', 'W10', Buffer.from('[1,2]').toString('base64url')]) {
      await expect(listInstances(database, { ...all, pageToken })).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }
  });
});
