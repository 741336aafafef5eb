import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeStates } from '../../../src/bridge/contents/content-rows.js';
import { listContentStates } from '../../../src/bridge/rpc/list-content-states.js';
import type { Database } from '../../../src/database/database.js';
import { ListContentStatesRequest } from '../../../src/gen/steward/v1/bridge.js';
import { WorkspaceContentState } from '../../../src/gen/ws-daemon-api/daemon.js';
import { insertInstance } from '../support/instances.js';
import { openMigrated } from '../support/pipeline-harness.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
  for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
    const owner = index % 2 === 0 ? 'ada' : 'bob';
    await insertInstance(database, { id, region: 'eu', phase: 'running', owner });
    const of = {
      instance: id,
      node: 'n1',
      cause: 'c',
      detail: '',
      sequence: 7n,
      since: '2026-01-01T00:00:00.000Z',
    };
    const states = [
      { ...of, actor: 'backup-timer', state: '', step: 'waiting' },
      { ...of, actor: 'content', state: 'WRAPPING_UP', step: 'wrappingUp.backingUp' },
    ];
    await database.write((transaction) => writeStates(transaction, 'eu', { states, taken: new Map() }));
  }
});
afterAll(() => database.close());

const list = (request: Partial<ListContentStatesRequest>) =>
  listContentStates(database, { ...ListContentStatesRequest.fromPartial({}), ...request });

describe('ListContentStates', () => {
  it('tells the actors of each instance, the content first, page after page', async () => {
    const seen: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await list({ pageSize: 3, pageToken });
      seen.push(...page.contentStates.map(({ instanceId, actor }) => `${instanceId} ${actor}`));
      if (page.nextPageToken === '') break;
      pageToken = page.nextPageToken;
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd'].flatMap((id) => [`${id} content`, `${id} backup-timer`]));
  });

  it('finds those of an owner, a workspace or an instance', async () => {
    const ids = async (request: Partial<ListContentStatesRequest>) => [
      ...new Set((await list(request)).contentStates.map(({ instanceId }) => instanceId)),
    ];
    expect(await ids({ owner: 'ada' })).toEqual(['a', 'c']);
    expect(await ids({ workspaceId: 'ws-b' })).toEqual(['b']);
    expect(await ids({ instanceId: 'd', owner: 'bob' })).toEqual(['d']);
    expect(await ids({ instanceId: 'd', owner: 'ada' })).toEqual([]);
  });

  it('says since when, and the state of the content with each of its actors', async () => {
    const { contentStates } = await list({ instanceId: 'a' });
    expect(contentStates.map(({ actor, state, atMs }) => ({ actor, state, atMs }))).toEqual(
      ['content', 'backup-timer'].map((actor) => ({
        actor,
        state: WorkspaceContentState.WRAPPING_UP,
        atMs: BigInt(Date.UTC(2026, 0, 1)),
      })),
    );
    await expect(list({ pageSize: -1 })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
