import { type Command, Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { Backup } from '../gen/steward/v1/backup.js';
import {
  ContentServiceService,
  KeptAside,
  type RestoreBackupRequest,
  type RestoreBackupResponse,
} from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { type NamedVersion, versionArgument, versionNamed, workspaceNamed } from './named-version.js';
import { plainText } from './plain-text.js';
import { resultOf } from './progress-line.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { startAndWait } from './start.js';
import { startRequestOf } from './start-request.js';
import { asObject } from './status-json.js';
import { UsageError } from './usage-error.js';

interface RestoreOptions {
  readonly owner?: string;
  readonly into?: string;
  readonly to?: string;
  readonly asNewest?: boolean;
  readonly new?: string;
  readonly folder?: string;
  readonly wait?: boolean;
}

export function addRestore(program: Command, run: RunVerb): void {
  program
    .command('restore')
    .description('bring a version of a workspace back, or files and folders out of it; newer versions stay')
    .argument(
      '<workspace[@version]>',
      'workspace or instance id (default: its newest version)',
      versionArgument,
    )
    .argument('[path...]', 'only these, relative to the content (default: everything)')
    .addOption(
      new Option('--owner <id>', 'whose workspace (default: as known, else yours)').argParser(idArgument),
    )
    .addOption(
      new Option(
        '--into <instance>',
        'into this running instance; what is in the way is kept beside it',
      ).argParser(idArgument),
    )
    .option('--to <path>', '  into this folder of its content (default: each to its own place)')
    .option('--as-newest', 'as the newest version, which the next instance starts from')
    .addOption(new Option('--new <workspace>', 'as the beginning of a new workspace').argParser(idArgument))
    .option('--wait', '  until its first instance runs')
    .option('--folder <path>', 'into a new folder on the node, for a look')
    .addHelpText(
      'after',
      example(
        'steward restore hello@3 src/main.c --into hello-1',
        'steward restore hello@3 --as-newest',
        'steward restore hello@3 --new hello-again',
      ),
    )
    .action((named: NamedVersion, paths: string[], options: RestoreOptions, command: Command) =>
      run(command, (session) => restore(session, named, paths, options)),
    );
}

async function restore(
  session: Session,
  named: NamedVersion,
  paths: readonly string[],
  options: RestoreOptions,
) {
  const target = targetOf(paths, options);
  const manager = await session.channel('manager');
  const of = await workspaceNamed(session, manager, named.name, options.owner);
  const version = await versionNamed(session, manager, of, named.generation);
  if (version.unusable !== '') throw new StewardError('manifest-unreadable', version.unusable);
  if (target.$case === 'newWorkspace')
    return startNew(session, manager, version, target.value, options.wait === true);
  const client = createClient(ContentServiceService, manager);
  const { owner, workspaceId } = of;
  const request = { owner, workspaceId, generation: version.generation, paths: [...paths], target };
  const stream = client.restoreBackup(request, session.longCall);
  tell(session, target, version, await resultOf(session, nameOf(version), stream));
  return undefined;
}

type Target =
  | NonNullable<RestoreBackupRequest['target']>
  | { readonly $case: 'newWorkspace'; readonly value: string };

/** Where to; exactly one place must be named. */
function targetOf(paths: readonly string[], options: RestoreOptions): Target {
  const targets: Target[] = [];
  const { into, to, folder } = options;
  if (into !== undefined)
    targets.push({ $case: 'intoInstance', value: { instanceId: into, path: to ?? '' } });
  if (options.asNewest === true) targets.push({ $case: 'asNewest', value: {} });
  if (options.new !== undefined) targets.push({ $case: 'newWorkspace', value: options.new });
  if (folder !== undefined) targets.push({ $case: 'intoFolder', value: { path: folder } });
  const [only, second] = targets;
  if (only === undefined) {
    throw new UsageError('say where to: --into INSTANCE, --as-newest, --new WORKSPACE or --folder PATH');
  }
  if (second !== undefined)
    throw new UsageError('only one of --into, --as-newest, --new and --folder can be used');
  if (options.wait === true && only.$case !== 'newWorkspace')
    throw new UsageError('--wait goes with --new only');
  if (to !== undefined && into === undefined) throw new UsageError('--to goes with --into only');
  const takesPaths = only.$case === 'intoInstance' || only.$case === 'intoFolder';
  if (paths.length > 0 && !takesPaths) throw new UsageError('single paths go with --into and --folder only');
  return only;
}

/** A version is where a new workspace can begin just as from a snapshot. */
async function startNew(
  session: Session,
  manager: Channel,
  version: Backup,
  workspace: string,
  waits: boolean,
) {
  const { world, env } = session.cli;
  const { owner } = version;
  const options = { workspace, owner, fromSnapshot: version.url };
  const request = startRequestOf(options, [], { random: world.random, env, owner });
  if (waits) return startAndWait(session, manager, request);
  await createClient(WorkspaceManagerService, manager).startWorkspace(request, session.call);
  const { generation, workspaceId } = version;
  const value = { instance: request.id, workspace, owner, from: { workspace: workspaceId, generation } };
  session.show.result(
    value,
    session.show.details([
      ['instance', request.id],
      ['workspace', workspace],
      ['owner', owner],
      ['from', nameOf(version)],
    ]),
  );
  session.show.note(`\nIt is being set up. \`steward watch ${request.id}\` shows how that goes.`);
  return undefined;
}

function tell(session: Session, target: Target, version: Backup, answer: RestoreBackupResponse): void {
  const { show } = session;
  const restored = answer.event?.$case === 'restored' ? answer.event.value : version;
  const value = {
    restored: asObject(Backup.toJSON(restored)),
    keptAside: answer.keptAside.map((kept) => asObject(KeptAside.toJSON(kept))),
    keptAsideTotal: answer.keptAsideTotal,
  };
  const where = {
    asNewest: `is version ${restored.generation} now, which the next instance starts from`,
    intoFolder: `is unpacked in ${target.$case === 'intoFolder' ? target.value.path : ''}`,
    intoInstance: `is in ${target.$case === 'intoInstance' ? target.value.instanceId : ''}`,
    newWorkspace: '',
  }[target.$case];
  const more = Number(answer.keptAsideTotal) - answer.keptAside.length;
  show.result(value, [
    `${nameOf(version)} ${where}.`,
    ...show.details(
      answer.keptAside.map(({ path, keptAs }) => [`${plainText(path)} was there, now`, keptAs] as const),
    ),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]);
}

function nameOf({ workspaceId, generation }: Backup): string {
  return `${workspaceId}@${generation}`;
}
