import type { Command } from 'commander';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { showingTransitions } from './follow.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface SnapshotOptions {
  /** false with --no-wait. */
  readonly wait: boolean;
}

export function addSnapshot(program: Command, run: RunVerb): void {
  program
    .command('snapshot')
    .description('keep the content of a running instance under a name of its own, to start others from')
    .argument('<instance>', 'instance id', idArgument)
    .option('--no-wait', 'print the name at once and store in the background')
    .addHelpText('after', example('steward snapshot 0b5c…', 'steward start --snapshot URL --wait'))
    .action((id: string, options: SnapshotOptions, command: Command) =>
      run(command, (session) => snapshot(session, id, options)),
    );
}

async function snapshot(session: Session, id: string, { wait }: SnapshotOptions) {
  const manager = await session.channel('manager');
  const client = createClient(WorkspaceManagerService, manager);
  const { url } = await showingTransitions(session, manager, id, () =>
    client.takeSnapshot({ id, returnImmediately: !wait }, session.longCall),
  );
  session.show.result({ instance: id, url, stored: wait }, [url]);
  if (!wait) session.show.note('It is being stored; it can be used once that has ended.');
  return undefined;
}
