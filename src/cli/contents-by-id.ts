import { StewardError } from '../errors/steward-error.js';
import type { ContentStatus } from '../gen/steward/v1/content.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { PAGE_SIZE_MAX } from '../grpc/bounds.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { plainText } from './plain-text.js';
import type { Session } from './session.js';

/** The content states, page by page. They are an extra: where the daemon is away the list comes without them. */
export async function contentsById(
  session: Session,
  manager: Channel,
  options: { readonly owner?: string; readonly workspace?: string },
): Promise<ReadonlyMap<string, ContentStatus>> {
  const found = new Map<string, ContentStatus>();
  const client = createClient(ContentServiceService, manager);
  const wanted = {
    owner: options.owner ?? '',
    workspaceId: options.workspace ?? '',
    pageSize: PAGE_SIZE_MAX,
  };
  try {
    for (let pageToken = ''; ; ) {
      const page = await client.listContent({ ...wanted, pageToken }, session.call);
      for (const content of page.contents) found.set(content.instanceId, content);
      if (page.nextPageToken === '') return found;
      pageToken = page.nextPageToken;
    }
  } catch (error) {
    if (!(error instanceof StewardError) || error.code === 'cancelled') throw error;
    session.show.note(
      session.show.noteStyle.yellow(`Content states are missing: ${plainText(error.message)}`),
    );
    return found;
  }
}
