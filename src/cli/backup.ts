import type { Command } from 'commander';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { showingTransitions } from './follow.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

export function addBackup(program: Command, run: RunVerb): void {
  program
    .command('backup')
    .description('back the content of an instance up now; it runs on')
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward backup 0b5c…'))
    .action((id: string, _options: object, command: Command) =>
      run(command, (session) => backup(session, id)),
    );
}

async function backup(session: Session, id: string) {
  const manager = await session.channel('manager');
  const client = createClient(WorkspaceManagerService, manager);
  const { url } = await showingTransitions(session, manager, id, () =>
    client.backupWorkspace({ id }, session.longCall),
  );
  session.show.result({ instance: id, url }, [url]);
  return undefined;
}
