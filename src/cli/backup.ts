import type { Command } from 'commander';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { showingTransitions } from './follow.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface BackupOptions {
  readonly acceptShrink?: boolean;
}

export function addBackup(program: Command, run: RunVerb): void {
  program
    .command('backup')
    .description('back the content of an instance up now; it runs on')
    .argument('<instance>', 'instance id', idArgument)
    .option('--accept-shrink', 'also when most of the content is gone since the last backup')
    .addHelpText('after', example('steward backup 0b5c…'))
    .action((id: string, options: BackupOptions, command: Command) =>
      run(command, (session) => backup(session, id, options)),
    );
}

async function backup(session: Session, id: string, options: BackupOptions) {
  const manager = await session.channel('manager');
  const { url } = await showingTransitions(session, manager, id, () => made(session, manager, id, options));
  session.show.result({ instance: id, url }, [url]);
  return undefined;
}

/** Only our own service knows of content that may shrink. */
function made(session: Session, manager: Channel, id: string, { acceptShrink = false }: BackupOptions) {
  if (!acceptShrink) {
    return createClient(WorkspaceManagerService, manager).backupWorkspace({ id }, session.longCall);
  }
  const request = { instanceId: id, acceptShrink };
  return createClient(ContentServiceService, manager).makeBackup(request, session.longCall);
}
