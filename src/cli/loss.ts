import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { formatTime } from './format.js';
import type { Session } from './session.js';

/** What the content holds beyond its last backup is what nobody gets back. */
export async function tellLoss(session: Session, id: string) {
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const { content } = await client.getContent({ instanceId: id }, session.call);
  const saved = content?.lastBackup;
  const since = saved === undefined ? undefined : formatTime(saved.createdMs);
  const lost =
    since === undefined
      ? 'all of it would be lost: there is no backup'
      : `what changed since ${since} (version ${saved?.generation}) would be lost`;
  session.show.result(
    {
      instance: id,
      dryRun: true,
      lastBackup: saved === undefined ? null : { version: Number(saved.generation), at: since },
    },
    [`The content of ${id} would go from its node; ${lost}.`],
  );
  return undefined;
}
