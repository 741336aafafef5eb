import { StewardError, toStewardError } from '../../errors/steward-error.js';
import type {
  ContentStateRow,
  ListContentStatesRequest,
  ListContentStatesResponse,
} from '../../gen/steward/v1/bridge.js';
import type { ContentStatus } from '../../gen/steward/v1/content.js';
import type { ContentServiceService } from '../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../grpc/client.js';
import { pageSize } from '../../grpc/validation.js';
import { CONTENT_STATES_MAX, MANAGER_ANSWER_MS } from '../bounds.js';

/** Where the content states of one cluster come from. */
export interface ContentSource {
  /** Name of the cluster. */
  readonly region: string;
  readonly listContent: ServiceClient<ContentServiceService>['listContent'];
}

interface Found {
  readonly region: string;
  readonly content: ContentStatus;
}

/**
 * What every actor of every cluster is doing, as the managers tell it now, sorted by instance id. A token is the last
 * id shown. Fails with `unavailable` when a manager does not answer: a list without its instances would be wrong.
 */
export async function listContentStates(
  sources: readonly ContentSource[],
  request: ListContentStatesRequest,
  signal: AbortSignal,
): Promise<ListContentStatesResponse> {
  const size = pageSize(request.pageSize, 'page_size', CONTENT_STATES_MAX);
  const found = await Promise.all(sources.map((source) => firstOf(source, request, size + 1, signal)));
  const wanted = found
    .flat()
    .sort(({ content: a }, { content: b }) => (a.instanceId < b.instanceId ? -1 : 1));
  const page = wanted.slice(0, size);
  return {
    contentStates: page.flatMap(rowsOf),
    nextPageToken: wanted.length > size ? (page.at(-1)?.content.instanceId ?? '') : '',
  };
}

/** The first so many of one cluster behind the token; its own pages are sorted the same way. */
async function firstOf(
  { region, listContent }: ContentSource,
  { owner, workspaceId, instanceId, pageToken: after }: ListContentStatesRequest,
  count: number,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (let pageToken = ''; ; ) {
    const page = await listContent(
      { owner, workspaceId, pageSize: 0, pageToken },
      { signal, timeoutMs: MANAGER_ANSWER_MS },
    ).catch((thrown: unknown) => {
      const { message } = toStewardError(thrown);
      throw new StewardError('unavailable', `cluster ${region} does not tell: ${message}`, { cause: thrown });
    });
    for (const content of page.contents) {
      if (content.instanceId <= after || (instanceId !== '' && content.instanceId !== instanceId)) continue;
      found.push({ region, content });
    }
    if (page.nextPageToken === '' || found.length >= count) return found.slice(0, count);
    pageToken = page.nextPageToken;
  }
}

function rowsOf({ region, content }: Found): readonly ContentStateRow[] {
  const { instanceId, workspaceId, owner, node, state, attachments } = content;
  const of = { instanceId, workspaceId, owner, region, node, state };
  const { step, cause, detail, sequence, stepSinceMs } = content;
  return [
    { ...of, actor: 'content', step, cause, detail, sequence, atMs: stepSinceMs },
    ...attachments.map(({ name, state: at, target }) => ({
      ...of,
      ...{ actor: name, step: at, cause: '', detail: target, sequence: 0n, atMs: 0n },
    })),
  ];
}
