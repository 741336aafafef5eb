import type { Command } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { Backup } from '../gen/steward/v1/backup.js';
import { ContentStatus } from '../gen/steward/v1/content.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService, type WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { contentLines } from './describe-content.js';
import { formatTime } from './format.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject, statusJson } from './status-json.js';
import { phaseName } from './wire-names.js';

export function addDescribe(program: Command, run: RunVerb): void {
  program
    .command('describe')
    .description('show one instance: what it does, why, and what its content is')
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward describe 0b5c…', 'steward describe 0b5c… --json'))
    .action((id: string, _options: object, command: Command) =>
      run(command, (session) => describe(session, id)),
    );
}

/** The manager forgets stopped instances after a while and the daemon remembers them longer, so either may know. */
async function describe(session: Session, id: string) {
  const manager = await session.channel('manager');
  const described = await known(
    createClient(WorkspaceManagerService, manager).describeWorkspace({ id }, session.call),
  );
  const found = await known(
    createClient(ContentServiceService, manager).getContent({ instanceId: id }, session.call),
  );
  const status = described?.status;
  const content = found?.content;
  if (status === undefined && content === undefined) {
    throw new StewardError('unknown-instance', `no instance ${id} is known`);
  }
  const newest = content?.lastBackup && (await newestOf(session, manager, content));
  const value = {
    status: status === undefined ? null : statusJson(status),
    content: content === undefined ? null : asObject(ContentStatus.toJSON(content)),
    newestVersion: newest === undefined ? null : asObject(Backup.toJSON(newest)),
  };
  session.show.result(value, [
    ...statusLines(session, id, status),
    ...(content === undefined ? [] : contentLines(session, content, newest)),
  ]);
  return undefined;
}

/** What the storage says of the last backup; without a storage that answers, the rest is shown all the same. */
async function newestOf(
  session: Session,
  manager: Channel,
  { owner, workspaceId }: ContentStatus,
): Promise<Backup | undefined> {
  const request = { owner, workspaceId, pageSize: 1, pageToken: '' };
  const client = createClient(ContentServiceService, manager);
  try {
    return (await client.listBackups(request, session.call)).backups[0];
  } catch (error) {
    if (!(error instanceof StewardError) || error.code === 'cancelled') throw error;
    session.show.note(
      session.show.noteStyle.yellow(`The storage does not answer: ${plainText(error.message)}`),
    );
    return undefined;
  }
}

async function known<Answer>(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof StewardError && error.code === 'unknown-instance') return undefined;
    throw error;
  }
}

function statusLines(session: Session, id: string, status: WorkspaceStatus | undefined): readonly string[] {
  if (status === undefined) return session.show.details([['instance', id]]);
  const { metadata, spec, conditions, runtime, repo } = status;
  return session.show.details([
    ['instance', status.id],
    ['workspace', metadata?.metaId],
    ['owner', metadata?.owner],
    ['phase', phaseName(status.phase)],
    ['failed', conditions?.failed],
    ['message', status.message],
    ['started', metadata?.startedAt === undefined ? undefined : formatTime(metadata.startedAt.getTime())],
    ['class', spec?.class],
    ['url', spec?.url],
    ['node', runtime?.nodeName],
    ['branch', repo?.branch],
    ['commit', repo?.latestCommit],
    ['version', status.statusVersion.toString()],
  ]);
}
