import type { Command } from 'commander';
import { BridgeServiceService } from '../gen/steward/v1/bridge.js';
import { createClient } from '../grpc/client.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

interface ResetOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly reason?: string;
}

export function addResetVersions(bridge: Command, run: RunVerb): void {
  bridge
    .command('reset-versions')
    .description(
      "take a cluster's manager at its word anew, when it was reset and its versions are below those of the rows; without --yes it only tells which instances that would be",
    )
    .argument('<cluster>', 'name of the cluster')
    .option('--dry-run', 'only tell which instances it would be')
    .option('--yes', 'do it')
    .option('--reason <text>', 'why, for the log')
    .addHelpText(
      'after',
      example(
        'steward bridge reset-versions eu-1 --dry-run',
        'steward bridge reset-versions eu-1 --yes --reason "restored from its backup"',
      ),
    )
    .action((cluster: string, options: ResetOptions, command: Command) =>
      run(command, (session) => resetVersions(session, cluster, options)),
    );
}

async function resetVersions(
  session: Session,
  cluster: string,
  { dryRun: isDryRun = false, yes = false, reason = '' }: ResetOptions,
): Promise<ExitCode | undefined> {
  if (isDryRun && yes) throw new UsageError('--dry-run and --yes cannot be used together');
  if (yes && reason === '') throw new UsageError('--reason TEXT is needed: the log keeps it');
  const client = createClient(BridgeServiceService, await session.channel('bridge'));
  const request = { cluster, dryRun: !yes, reason: reason || 'a dry run' };
  const { instances, instanceIds } = await client.resetVersions(request, session.longCall);
  session.show.result({ cluster, dryRun: !yes, instances, instanceIds }, [
    told(instances, cluster, yes),
    ...instanceIds.map((id) => `  ${id}`),
    ...(instances > instanceIds.length ? [`  and ${instances - instanceIds.length} more`] : []),
  ]);
  if (yes || isDryRun || instances === 0) return undefined;
  session.cli.stderr.write(`${session.show.noteStyle.yellow('Nothing was changed.')} Add --yes to do it.\n`);
  return EXIT.usage;
}

function told(instances: number, cluster: string, isDone: boolean): string {
  if (instances === 0) return `No instance of ${cluster} has a version above its manager's.`;
  const noun = instances === 1 ? '1 instance' : `${instances} instances`;
  return `The manager's word ${isDone ? 'is' : 'would be'} taken anew for ${noun} of ${cluster}:`;
}
