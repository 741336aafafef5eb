import { type Command, Option } from 'commander';
import { formatBytes } from '../config/quantity.js';
import {
  ContentServiceService,
  type DeleteStoredContentRequest,
  DeleteStoredContentResponse,
} from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { type NamedVersion, versionArgument, workspaceNamed } from './named-version.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import { UsageError } from './usage-error.js';

interface DeleteOptions {
  readonly owner?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly snapshots?: boolean;
}

/** What is stored goes for good, so nothing goes without --yes: without it all of these only tell what would. */
export function addDelete(program: Command, run: RunVerb): void {
  const group = program
    .command('delete')
    .description('remove stored content for good; without --yes it only tells what would go')
    .addHelpText('after', example('steward delete backup hello@3 --yes', 'steward delete workspace hello'));
  asked(group.command('backup'))
    .description('one version of a workspace; what other versions need stays')
    .argument(
      '<workspace@version>',
      'workspace or instance id, and a number of `steward backups`',
      versionArgument,
    )
    .addOption(ownerOption())
    .option('--force', 'also when it is the newest one')
    .addHelpText('after', example('steward delete backup hello@3', 'steward delete backup hello@3 --yes'))
    .action((named: NamedVersion, options: DeleteOptions, command: Command) =>
      run(command, (session) => deleteBackup(session, named, options)),
    );
  asked(group.command('snapshot'))
    .description('one snapshot; workspaces that were started from it are not touched')
    .argument('<url>', 'as `steward snapshots` shows it')
    .addHelpText('after', example('steward delete snapshot "$url" --yes'))
    .action((url: string, options: DeleteOptions, command: Command) =>
      run(command, (session) => deleteSnapshot(session, url, options)),
    );
  asked(group.command('workspace'))
    .description('all versions of a workspace that has no instance')
    .argument('<workspace>', 'workspace id', idArgument)
    .addOption(ownerOption())
    .option('--snapshots', 'its snapshots, too')
    .addHelpText('after', example('steward delete workspace hello --reason "left the company" --yes'))
    .action((name: string, options: DeleteOptions, command: Command) =>
      run(command, (session) => deleteWorkspace(session, name, options)),
    );
  asked(group.command('owner'))
    .description('all that is stored of an owner who has no instance')
    .argument('<owner>', 'owner id', idArgument)
    .option('--snapshots', 'the snapshots, too')
    .addHelpText('after', example('steward delete owner ada --snapshots --reason "asked for it" --yes'))
    .action((owner: string, options: DeleteOptions, command: Command) =>
      run(command, (session) => deleteOwner(session, owner, options)),
    );
}

function ownerOption(): Option {
  return new Option('--owner <id>', 'whose workspace (default: as known, else yours)').argParser(idArgument);
}

function asked(command: Command): Command {
  return command
    .option('--dry-run', 'only tell what would go')
    .option('--yes', 'do it')
    .option('--reason <text>', 'why, for the history');
}

async function deleteBackup(session: Session, { name, generation }: NamedVersion, options: DeleteOptions) {
  if (generation === undefined) throw new UsageError('name the version: WORKSPACE@VERSION');
  const dryRun = isDryRun(options);
  const manager = await session.channel('manager');
  const { owner, workspaceId } = await workspaceNamed(session, manager, name, options.owner);
  const { reason = '', force = false } = options;
  const request = { owner, workspaceId, generation, force, reason, dryRun };
  const answer = await createClient(ContentServiceService, manager).deleteBackup(request, session.longCall);
  const value = { owner, workspace: workspaceId, generation };
  return tellObjects(session, options, `${workspaceId}@${generation}`, { ...answer, value });
}

async function deleteSnapshot(session: Session, url: string, options: DeleteOptions) {
  const request = { url, reason: options.reason ?? '', dryRun: isDryRun(options) };
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const answer = await client.deleteSnapshot(request, session.longCall);
  return tellObjects(session, options, `snapshot ${url}`, { ...answer, value: { snapshot: url } });
}

async function deleteWorkspace(session: Session, name: string, options: DeleteOptions) {
  requireReason(options);
  const manager = await session.channel('manager');
  const { owner, workspaceId } = await workspaceNamed(session, manager, name, options.owner);
  return deleteStored(session, owner, { $case: 'workspaceId', value: workspaceId }, options);
}

async function deleteOwner(session: Session, owner: string, options: DeleteOptions) {
  requireReason(options);
  return deleteStored(session, owner, { $case: 'wholeOwner', value: { confirmOwner: owner } }, options);
}

async function deleteStored(
  session: Session,
  owner: string,
  what: NonNullable<DeleteStoredContentRequest['what']>,
  options: DeleteOptions,
): Promise<ExitCode | undefined> {
  const dryRun = isDryRun(options);
  const reason = options.reason ?? '';
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const request = { owner, what, includeSnapshots: options.snapshots === true, dryRun, reason };
  const answer = await client.deleteStoredContent(request, session.longCall);
  const { show } = session;
  const names = answer.workspaces.map(
    (one) =>
      [
        one.workspaceId,
        `${one.backups} versions, ${one.snapshots} snapshots, ${formatBytes(Number(one.bytes))}`,
      ] as const,
  );
  const value = { owner, dryRun, ...asObject(DeleteStoredContentResponse.toJSON(answer)) };
  show.result(value, [
    ...show.details(names),
    `${answer.objects} objects, ${formatBytes(Number(answer.freedBytes))} ${dryRun ? 'would go' : 'are gone'}.`,
  ]);
  return hint(session, options);
}

function requireReason(options: DeleteOptions): void {
  if (!isDryRun(options) && (options.reason ?? '') === '') {
    throw new UsageError('--reason TEXT is needed: the history keeps it');
  }
}

interface RemovedObjects {
  readonly objects: readonly string[];
  readonly freedBytes: bigint;
  readonly value: object;
}

function tellObjects(
  session: Session,
  options: DeleteOptions,
  what: string,
  { objects, freedBytes, value }: RemovedObjects,
): ExitCode | undefined {
  const dryRun = isDryRun(options);
  const freed = formatBytes(Number(freedBytes));
  const said = objects.length === 0 ? 'is gone already' : dryRun ? 'would go' : 'is gone';
  session.show.result({ ...value, dryRun, objects, freedBytes }, [
    `${what} ${said}${objects.length === 0 ? '' : `, ${freed} with it`}.`,
    ...(dryRun ? objects.map((name) => `  ${name}`) : []),
  ]);
  return hint(session, options);
}

function isDryRun({ dryRun, yes }: DeleteOptions): boolean {
  if (dryRun === true && yes === true) throw new UsageError('--dry-run and --yes cannot be used together');
  return yes !== true;
}

/** Whoever asked for neither has not got what he asked for: that is not a success. */
function hint(session: Session, { dryRun, yes }: DeleteOptions): ExitCode | undefined {
  if (dryRun === true || yes === true) return undefined;
  session.cli.stderr.write(`${session.show.noteStyle.yellow('Nothing was removed.')} Add --yes to do it.\n`);
  return EXIT.usage;
}
