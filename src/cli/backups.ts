import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import { ArchiveKind, Backup } from '../gen/steward/v1/backup.js';
import { countArgument, idArgument } from './arguments.js';
import { formatTime } from './format.js';
import { type NamedVersion, versionArgument, versionsOf, workspaceNamed } from './named-version.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import type { Column } from './table.js';

interface BackupsOptions {
  readonly owner?: string;
  readonly limit?: number;
}

export function addBackups(program: Command, run: RunVerb): void {
  program
    .command('backups')
    .description('list the versions of a workspace that are stored, newest first')
    .argument('<workspace>', 'workspace or instance id', versionArgument)
    .addOption(
      new Option('--owner <id>', 'whose workspace (default: as known, else yours)').argParser(idArgument),
    )
    .addOption(new Option('--limit <count>', 'only the newest so many').argParser(countArgument))
    .addHelpText('after', example('steward backups hello', 'steward restore hello@3 README --into hello-1'))
    .action((named: NamedVersion, options: BackupsOptions, command: Command) =>
      run(command, (session) => backups(session, named, options)),
    );
}

async function backups(session: Session, { name, generation }: NamedVersion, options: BackupsOptions) {
  const manager = await session.channel('manager');
  const of = await workspaceNamed(session, manager, name, options.owner);
  const all = await versionsOf(session, manager, of, generation === undefined ? options.limit : undefined);
  const shown = all.filter((version) => generation === undefined || version.generation === generation);
  session.show.table(
    columns(session.cli.world.clock.now()),
    shown,
    (version) => asObject(Backup.toJSON(version)),
    `Nothing is stored of ${of.workspaceId}, owner ${of.owner}. --owner names another one.`,
  );
  return undefined;
}

function columns(now: number): readonly Column<Backup>[] {
  return [
    { title: 'VERSION', value: ({ generation }) => generation.toString(), align: 'right', whole: true },
    { title: 'TIME', value: ({ createdMs }) => formatTime(createdMs), whole: true },
    { title: 'AGE', value: ({ createdMs }) => briefDuration(now - Number(createdMs)), align: 'right' },
    { title: 'KIND', value: kindOf },
    { title: 'STORED', value: storedOf, align: 'right', whole: true },
    { title: 'CONTENT', value: contentOf, align: 'right' },
    { title: 'CHANGED', value: changesOf },
    { title: 'VERIFIED', value: (version) => verifiedOf(version, now), align: 'right' },
    { title: 'INSTANCE', value: ({ instanceId }) => instanceId },
    { title: 'NOTE', value: noteOf },
  ];
}

function kindOf({ kind, archives }: Backup): string {
  if (kind === ArchiveKind.ARCHIVE_KIND_UNSPECIFIED) return '-';
  return kind === ArchiveKind.ARCHIVE_KIND_FULL ? 'full' : `increment ${archives.length - 1}`;
}

/** What this version added to the storage. */
function storedOf({ archives, unusable }: Backup): string {
  return unusable === '' ? formatBytes(Number(archives.at(-1)?.sizeBytes ?? 0n)) : '-';
}

function contentOf({ entries, contentBytes }: Backup): string {
  return entries === 0n ? '-' : `${entries} / ${formatBytes(Number(contentBytes))}`;
}

/** `12 written, +3`: files written again or new, and how many entries more or fewer there are. */
function changesOf({ changed }: Backup): string {
  if (changed === undefined) return '-';
  const { writtenFiles, entriesDelta } = changed;
  const delta = entriesDelta === 0n ? '' : `, ${entriesDelta > 0n ? '+' : ''}${entriesDelta}`;
  return `${writtenFiles} written${delta}`;
}

function verifiedOf({ verifiedMs }: Backup, now: number): string {
  return verifiedMs === undefined ? '-' : `${briefDuration(now - Number(verifiedMs))} ago`;
}

function noteOf({ unusable, promotedFrom, tornFiles }: Backup): string {
  if (unusable !== '') return `cannot be used: ${unusable}`;
  const notes: string[] = [];
  if (promotedFrom !== undefined) notes.push(`version ${promotedFrom} again`);
  if (tornFiles > 0n) notes.push(`${tornFiles} files shrank while they were read`);
  return notes.join('; ');
}
