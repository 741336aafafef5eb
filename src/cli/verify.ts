import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import { StewardError } from '../errors/steward-error.js';
import { Backup } from '../gen/steward/v1/backup.js';
import { ContentServiceService, RestoreProof } from '../gen/steward/v1/content_service.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { EXIT, type ExitCode } from './exit-code.js';
import {
  type NamedVersion,
  type StoredWorkspace,
  versionArgument,
  versionsOf,
  workspaceNamed,
} from './named-version.js';
import { plainText } from './plain-text.js';
import { resultOf } from './progress-line.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import { UsageError } from './usage-error.js';

interface VerifyOptions {
  readonly owner?: string;
  readonly drill?: boolean;
  readonly all?: boolean;
}

export function addVerify(program: Command, run: RunVerb): void {
  program
    .command('verify')
    .description('prove that a version of a workspace is what was stored, and with --drill that it restores')
    .argument(
      '<workspace[@version]>',
      'workspace or instance id (default: its newest version)',
      versionArgument,
    )
    .addOption(
      new Option('--owner <id>', 'whose workspace (default: as known, else yours)').argParser(idArgument),
    )
    .option('--drill', 'restore it where nobody reaches it, and compare')
    .option('--all', 'every version')
    .addHelpText(
      'after',
      example('steward verify hello', 'steward verify hello --all', 'steward verify hello@3 --drill'),
    )
    .action((named: NamedVersion, options: VerifyOptions, command: Command) =>
      run(command, (session) => verify(session, named, options)),
    );
}

async function verify(session: Session, named: NamedVersion, options: VerifyOptions) {
  if (options.all === true && named.generation !== undefined) {
    throw new UsageError('--all and one version cannot be used together');
  }
  const manager = await session.channel('manager');
  const of = await workspaceNamed(session, manager, named.name, options.owner);
  if (options.all !== true) {
    const code = await verifyOne(session, manager, of, named.generation, options.drill === true);
    return code;
  }
  const versions = await versionsOf(session, manager, of);
  if (versions.length === 0) {
    throw new StewardError('backup-not-found', `nothing is stored of ${of.workspaceId}, owner ${of.owner}`);
  }
  let worst: ExitCode | undefined;
  for (const { generation } of versions) {
    worst = (await verifyOne(session, manager, of, generation, options.drill === true)) ?? worst;
  }
  return worst;
}

/** A version that is not right is a finding, and the next one is looked at; anything else ends the command. */
async function verifyOne(
  session: Session,
  manager: Channel,
  of: StoredWorkspace,
  generation: bigint | undefined,
  drill: boolean,
): Promise<ExitCode | undefined> {
  const { owner, workspaceId } = of;
  const client = createClient(ContentServiceService, manager);
  const which = `${workspaceId}@${generation ?? 'newest'}`;
  const request = { owner, workspaceId, generation: generation ?? 0n, drill };
  try {
    const stream = client.verifyBackup(request, session.longCall);
    const { event, proof } = await resultOf(session, which, stream);
    if (event?.$case === 'verified') tellRight(session, event.value, proof);
    return undefined;
  } catch (error) {
    if (!(error instanceof StewardError && FINDINGS.has(error.code))) throw error;
    const value = { owner, workspace: workspaceId, generation, verified: false, failure: error.code };
    const { style } = session.show;
    const line = `${which}  ${style.red('damaged')}  ${plainText(error.message)}`;
    session.show.result({ ...value, message: error.message }, [line]);
    return EXIT.dataLoss;
  }
}

const FINDINGS: ReadonlySet<string> = new Set(['backup-failed', 'archive-damaged', 'manifest-unreadable']);

function tellRight(session: Session, version: Backup, proof: RestoreProof | undefined): void {
  const { show } = session;
  const { owner, workspaceId, generation, sizeBytes, archives } = version;
  const value = {
    ...{
      owner,
      workspace: workspaceId,
      generation,
      verified: true,
      backup: asObject(Backup.toJSON(version)),
    },
    ...(proof === undefined ? {} : { proof: asObject(RestoreProof.toJSON(proof)) }),
  };
  const read = `${formatBytes(Number(sizeBytes))} in ${archives.length} archives read back`;
  show.result(value, [
    `${workspaceId}@${generation}  ${show.style.green('right')}  ${read}${proofText(proof)}`,
  ]);
}

function proofText(proof: RestoreProof | undefined): string {
  if (proof === undefined) return '';
  const took = briefDuration(Number(proof.durationMs));
  if (!proof.compared) return `; restored in ${took}, not compared: ${plainText(proof.remark)}`;
  const { entries, bytes } = proof;
  return `; restored in ${took} and compared, ${entries} entries with ${formatBytes(Number(bytes))}`;
}
