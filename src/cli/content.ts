import { type Command, Option } from 'commander';
import { GitStatus } from '../gen/content-service-api/initializer.js';
import { WorkspaceContentServiceService } from '../gen/ws-daemon-api/daemon.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { addContentOptions, type ContentFlags, contentOptions } from './content-options.js';
import { EXIT } from './exit-code.js';
import { initializerOf } from './initializer-options.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';

interface InitOptions extends ContentFlags {
  readonly owner: string;
  readonly workspace: string;
}

interface DisposeOptions {
  /** false with --no-backup. */
  readonly backup: boolean;
}

/** The calls of `wsdaemon.WorkspaceContentService`, one verb each, without the manager. */
export function addContent(program: Command, run: RunVerb): void {
  const content = program
    .command('content')
    .description("the daemon's own calls: content without a running command")
    .addHelpText('after', example('steward content init try-1 --workspace try --owner ada --empty'));
  addInit(content, run);
  content
    .command('wait')
    .description('wait until the set-up of an instance has ended')
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward content wait try-1 --timeout 5m'))
    .action((id: string, _: object, command: Command) => run(command, (session) => wait(session, id)));
  content
    .command('exists')
    .description(`whether the daemon holds an instance; exit code ${EXIT.notFound} when it does not`)
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward content exists try-1 && echo yes'))
    .action((id: string, _: object, command: Command) => run(command, (session) => exists(session, id)));
  content
    .command('backup')
    .description('back the content up and keep it')
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward content backup try-1'))
    .action((id: string, _: object, command: Command) => run(command, (session) => backup(session, id)));
  addSnapshotCall(content, run);
  addDispose(content, run);
}

function addInit(content: Command, run: RunVerb): void {
  const command = content
    .command('init')
    .description('make the content of an instance')
    .argument('<instance>', 'instance id', idArgument)
    .addOption(new Option('--workspace <id>', 'workspace id').argParser(idArgument).makeOptionMandatory())
    .addOption(new Option('--owner <id>', 'whose it is').argParser(idArgument).makeOptionMandatory());
  addContentOptions(command, 'the last backup of the workspace')
    .addHelpText('after', example('steward content init try-1 --workspace try --owner ada --empty'))
    .action((id: string, options: InitOptions, given: Command) =>
      run(given, (session) => init(session, id, options)),
    );
}

function addSnapshotCall(content: Command, run: RunVerb): void {
  content
    .command('snapshot')
    .description('store the content under a name of its own')
    .argument('<instance>', 'instance id', idArgument)
    .option('--no-wait', 'answer with the name at once and store in the background')
    .addHelpText('after', example('steward content snapshot try-1'))
    .action((id: string, { wait: waits }: { wait: boolean }, command: Command) =>
      run(command, (session) => snapshot(session, id, waits)),
    );
}

function addDispose(content: Command, run: RunVerb): void {
  content
    .command('dispose')
    .description('back the content up, then remove it; may be called again')
    .argument('<instance>', 'instance id', idArgument)
    .option('--no-backup', 'give the content up: what was not saved is lost')
    .addHelpText('after', example('steward content dispose try-1'))
    .action((id: string, options: DisposeOptions, command: Command) =>
      run(command, (session) => dispose(session, id, options)),
    );
}

async function daemon(session: Session) {
  return createClient(WorkspaceContentServiceService, await session.channel('daemon'));
}

async function init(session: Session, id: string, options: InitOptions) {
  const initializer = initializerOf(await contentOptions(session.cli.world.files, options));
  const metadata = { owner: options.owner, metaId: options.workspace };
  const request = { id, metadata, initializer, remoteStorageDisabled: false, storageQuotaBytes: 0n };
  await (await daemon(session)).initWorkspace(request, session.longCall);
  session.show.result({ instance: id, workspace: options.workspace }, [`The content of ${id} is ready.`]);
  return undefined;
}

async function wait(session: Session, id: string) {
  await (await daemon(session)).waitForInit({ id }, session.longCall);
  session.show.result({ instance: id }, [`The set-up of ${id} has ended.`]);
  return undefined;
}

async function exists(session: Session, id: string) {
  const answer = await (await daemon(session)).isWorkspaceExists({ id }, session.call);
  session.show.result({ instance: id, exists: answer.exists }, [answer.exists ? 'yes' : 'no']);
  return answer.exists ? undefined : EXIT.notFound;
}

async function backup(session: Session, id: string) {
  const { url } = await (await daemon(session)).backupWorkspace({ id }, session.longCall);
  session.show.result({ instance: id, url }, [url]);
  return undefined;
}

async function snapshot(session: Session, id: string, waits: boolean) {
  const { url } = await (await daemon(session)).takeSnapshot(
    { id, returnImmediately: !waits },
    session.longCall,
  );
  session.show.result({ instance: id, url, stored: waits }, [url]);
  return undefined;
}

async function dispose(session: Session, id: string, { backup: saves }: DisposeOptions) {
  const request = { id, backup: saves, backupLogs: false };
  const { gitStatus } = await (await daemon(session)).disposeWorkspace(request, session.longCall);
  const value = {
    instance: id,
    backup: saves,
    gitStatus: gitStatus && asObject(GitStatus.toJSON(gitStatus)),
  };
  session.show.result(value, [
    saves
      ? `The content of ${id} is backed up and removed.`
      : `The content of ${id} is removed without a backup.`,
    ...session.show.details([
      ['branch', gitStatus?.branch],
      ['commit', gitStatus?.latestCommit],
      ['not committed', gitStatus && String(gitStatus.totalUncommitedFiles)],
      ['untracked', gitStatus && String(gitStatus.totalUntrackedFiles)],
      ['not pushed', gitStatus && String(gitStatus.totalUnpushedCommits)],
    ]),
  ]);
  return undefined;
}
