import { describe, expect, it } from 'vitest';
import { type ContentSource, listContentStates } from '../../../src/bridge/rpc/list-content-states.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { ListContentStatesRequest } from '../../../src/gen/steward/v1/bridge.js';
import { ContentStatus } from '../../../src/gen/steward/v1/content.js';

const never = new AbortController().signal;

/** A cluster that tells its instances two at a time. */
function clusterOf(region: string, ids: readonly string[]): ContentSource {
  const contents = ids.map((instanceId) =>
    ContentStatus.fromPartial({
      ...{ instanceId, owner: 'ada', node: `${region}-node`, step: 'available.idle', sequence: 7n },
      attachments: instanceId === 'b' ? [{ name: 'mount:proc', state: 'mounted', target: '/proc' }] : [],
    }),
  );
  return {
    region,
    listContent: async ({ pageToken }) => {
      const rest = contents.filter(({ instanceId }) => instanceId > pageToken);
      return {
        contents: rest.slice(0, 2),
        nextPageToken: rest.length > 2 ? (rest[1]?.instanceId ?? '') : '',
      };
    },
  };
}

const sources = [clusterOf('eu', ['a', 'c', 'e', 'f']), clusterOf('us', ['b', 'd'])];
const ALL = ListContentStatesRequest.fromPartial({});
const list = (request: Partial<ListContentStatesRequest>, from = sources) =>
  listContentStates(from, { ...ALL, ...request }, never);

describe('the content states of all clusters', () => {
  it('come sorted by instance, each actor with its region, page after page', async () => {
    const seen: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await list({ pageSize: 2, pageToken });
      seen.push(
        ...page.contentStates.map(({ instanceId, actor, region }) => `${instanceId} ${actor} ${region}`),
      );
      if (page.nextPageToken === '') break;
      pageToken = page.nextPageToken;
    }
    expect(seen).toEqual([
      'a content eu',
      'b content us',
      'b mount:proc us',
      'c content eu',
      'd content us',
      'e content eu',
      'f content eu',
    ]);
  });

  it('are those of one instance when that is named', async () => {
    const { contentStates } = await list({ instanceId: 'e' });
    expect(contentStates).toMatchObject([{ instanceId: 'e', step: 'available.idle', sequence: 7n }]);
  });

  it('are not told without those of a cluster that does not answer', async () => {
    const away: ContentSource = {
      region: 'far',
      listContent: () => Promise.reject(new StewardError('unavailable', 'it is away')),
    };
    await expect(list({}, [...sources, away])).rejects.toMatchObject({
      code: 'unavailable',
      message: 'cluster far does not tell: it is away',
    });
    await expect(list({ pageSize: -1 })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
