import type { Command } from 'commander';
import { BridgeServiceService } from '../gen/steward/v1/bridge.js';
import { createClient } from '../grpc/client.js';
import { addBridgeCheck } from './bridge-check.js';
import { addResetVersions } from './bridge-versions.js';
import { addOneProgram } from './one-program.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

interface ResumeOptions {
  readonly unregistered?: boolean;
  readonly timeLimits?: boolean;
  readonly reason: string;
}

export function addBridge(program: Command, run: RunVerb): void {
  const bridge = addOneProgram(program, run, 'bridge', 'run the bridge: the database and its events');
  addBridgeCheck(bridge, run);
  addResetVersions(bridge, run);
  bridge
    .command('resume')
    .description('let a control loop go on that stopped nothing because it would have been too much')
    .argument('[cluster]', 'name of the cluster; `steward cluster list` shows which loops stand still')
    .option('--unregistered', 'the loop over instances whose cluster is not registered')
    .option('--time-limits', 'the loop over instances that are prepared or built for too long')
    .requiredOption('--reason <text>', 'why, for the log')
    .addHelpText('after', example('steward bridge resume eu-1 --reason "the cluster was rebuilt"'))
    .action((cluster: string | undefined, options: ResumeOptions, command: Command) =>
      run(command, (session) => resume(session, cluster, options)),
    );
}

async function resume(
  session: Session,
  cluster: string | undefined,
  { unregistered = false, timeLimits = false, reason }: ResumeOptions,
) {
  if ([cluster !== undefined, unregistered, timeLimits].filter(Boolean).length !== 1)
    throw new UsageError('name a cluster, or say --unregistered or --time-limits');
  const client = createClient(BridgeServiceService, await session.channel('bridge'));
  await client.resume({ cluster: cluster ?? '', timeLimits, reason }, session.call);
  const what = cluster ?? (timeLimits ? 'the time limits' : 'unregistered clusters');
  const found = timeLimits ? 'over its limit' : 'lost';
  session.show.result({ cluster: cluster ?? null, resumed: true }, [
    `The control loop of ${what} goes on: its next run stops what it finds ${found}.`,
  ]);
  return undefined;
}
