import type { Command } from 'commander';
import { BridgeServiceService } from '../gen/steward/v1/bridge.js';
import { createClient } from '../grpc/client.js';
import { addBridgeCheck } from './bridge-check.js';
import { addOneProgram } from './one-program.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

interface ResumeOptions {
  readonly unregistered?: boolean;
  readonly reason: string;
}

export function addBridge(program: Command, run: RunVerb): void {
  const bridge = addOneProgram(program, run, 'bridge', 'run the bridge: the database and its events');
  addBridgeCheck(bridge, run);
  bridge
    .command('resume')
    .description('let a control loop go on that stopped nothing because it would have been too much')
    .argument('[cluster]', 'name of the cluster; `steward cluster list` shows which loops stand still')
    .option('--unregistered', 'the loop over instances whose cluster is not registered')
    .requiredOption('--reason <text>', 'why, for the log')
    .addHelpText('after', example('steward bridge resume eu-1 --reason "the cluster was rebuilt"'))
    .action((cluster: string | undefined, options: ResumeOptions, command: Command) =>
      run(command, (session) => resume(session, cluster, options)),
    );
}

async function resume(
  session: Session,
  cluster: string | undefined,
  { unregistered, reason }: ResumeOptions,
) {
  if ((cluster === undefined) === (unregistered !== true))
    throw new UsageError('name a cluster, or say --unregistered');
  const client = createClient(BridgeServiceService, await session.channel('bridge'));
  await client.resume({ cluster: cluster ?? '', reason }, session.call);
  const what = cluster === undefined ? 'unregistered clusters' : cluster;
  session.show.result({ cluster: cluster ?? null, resumed: true }, [
    `The control loop of ${what} goes on: its next run stops what it finds lost.`,
  ]);
  return undefined;
}
