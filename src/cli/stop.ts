import { type Command, Option } from 'commander';
import {
  StopWorkspacePolicy,
  WorkspaceConditionBool,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { awaitStatus, showingTransitions, withStatuses } from './follow.js';
import { tellLoss } from './loss.js';
import { unlessParked } from './parked.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

const POLICIES = {
  normally: StopWorkspacePolicy.NORMALLY,
  immediately: StopWorkspacePolicy.IMMEDIATELY,
  abort: StopWorkspacePolicy.ABORT,
} as const;

type PolicyName = keyof typeof POLICIES;

interface StopOptions {
  readonly policy?: PolicyName;
  readonly now?: boolean;
  readonly abort?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

export function addStop(program: Command, run: RunVerb): void {
  program
    .command('stop')
    .description('stop an instance; its content is backed up first, unless it is aborted')
    .argument('<instance>', 'instance id', idArgument)
    .addOption(
      new Option('--policy <policy>', 'how to stop (default: normally)').choices(Object.keys(POLICIES)),
    )
    .option('--now', 'the same as --policy immediately: no time for the command to end by itself')
    .option(
      '--abort',
      'the same as --policy abort: without a backup; what was not saved is lost (needs --yes)',
    )
    .option('--dry-run', 'with --abort: only tell what would be lost')
    .option('--yes', 'what was not saved is lost, and that is meant')
    .option('--wait', 'until it has stopped, or is parked and waits for a person')
    .addHelpText('after', example('steward stop 0b5c… --wait', 'steward stop 0b5c… --now'))
    .action((id: string, options: StopOptions, command: Command) =>
      run(command, (session) => stop(session, id, options)),
    );
}

async function stop(session: Session, id: string, options: StopOptions) {
  const policy = policyOf(options);
  checkLoss(policy, options);
  const manager = await session.channel('manager');
  const client = createClient(WorkspaceManagerService, manager);
  // A stop of something unknown succeeds on the wire; a person has mistyped the id.
  await client.describeWorkspace({ id }, session.call);
  if (options.dryRun === true) return tellLoss(session, id);
  if (options.wait === true) return stopAndWait(session, manager, id, policy);
  await client.stopWorkspace({ id, policy: POLICIES[policy] }, session.call);
  session.show.result({ instance: id, policy }, [`Stopping ${id} (${policy}).`]);
  session.show.note(`\`steward watch ${id}\` shows how that goes.`);
  return undefined;
}

function policyOf({ policy, now, abort }: StopOptions): PolicyName {
  const asked = new Set<PolicyName>();
  if (policy !== undefined) asked.add(policy);
  if (now === true) asked.add('immediately');
  if (abort === true) asked.add('abort');
  if (asked.size > 1) throw new UsageError(`--policy, --now and --abort disagree: ${[...asked].join(', ')}`);
  const [only = 'normally'] = asked;
  return only;
}

/** As with `recover --abandon`: what cannot be undone is said twice. */
function checkLoss(policy: PolicyName, { yes, dryRun }: StopOptions): void {
  if (dryRun === true && (policy !== 'abort' || yes === true)) {
    throw new UsageError('--dry-run goes with --abort and without --yes');
  }
  if (policy === 'abort' && dryRun !== true && yes !== true) {
    throw new UsageError(
      '--abort loses what was not saved; --dry-run tells what that is, and --yes says that it is meant',
    );
  }
}

async function stopAndWait(session: Session, manager: Channel, id: string, policy: PolicyName) {
  const client = createClient(WorkspaceManagerService, manager);
  const ended = await withStatuses(session, manager, (statuses) =>
    showingTransitions(session, manager, id, async () => {
      await client.stopWorkspace({ id, policy: POLICIES[policy] }, session.call);
      return unlessParked(session, manager, id, () =>
        awaitStatus(session, statuses, id, ({ phase }) => phase === WorkspacePhase.STOPPED),
      );
    }),
  );
  return 'parked' in ended
    ? tellParked(session, id, policy, ended.parked)
    : outcome(session, id, policy, ended);
}

function tellParked(session: Session, id: string, policy: PolicyName, reason: string): ExitCode {
  session.show.result({ instance: id, policy, phase: 'stopping', parked: reason }, [
    `${id} has not stopped: it is parked (${plainText(reason)}) and waits for a person.`,
    `Its content stays where it is. \`steward why ${id}\` says what you can do, such as`,
    `\`steward recover ${id} --resume --reason …\` to let it go on; the stop is not forgotten.`,
  ]);
  return EXIT.parked;
}

function outcome(
  session: Session,
  id: string,
  policy: PolicyName,
  status: WorkspaceStatus,
): ExitCode | undefined {
  const hasBackup = status.conditions?.finalBackupComplete === WorkspaceConditionBool.TRUE;
  const failed = status.conditions?.failed ?? '';
  const saved = hasBackup ? 'Its content is backed up.' : 'No final backup was made.';
  session.show.result({ instance: id, policy, phase: 'stopped', finalBackup: hasBackup, failed }, [
    `${id} has stopped. ${saved}`,
    ...(failed === '' ? [] : [`It had failed: ${failed}`]),
  ]);
  if (failed !== '' && !hasBackup && policy !== 'abort') return EXIT.failure;
  return undefined;
}
