import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { type Maintenance, ManagerServiceService } from '../gen/steward/v1/manager_service.js';
import { createClient } from '../grpc/client.js';
import { durationArgument } from './arguments.js';
import { formatTime } from './format.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

interface MaintenanceOptions {
  readonly for?: number;
  readonly end?: boolean;
  readonly reason?: string;
}

export function addMaintenance(program: Command, run: RunVerb): void {
  program
    .command('maintenance')
    .description('show, begin or end a time in which nothing is started, stopped or timed out')
    .addOption(new Option('--for <duration>', 'begin it now, for so long').argParser(durationArgument))
    .option('--end', 'end it now')
    .option('--reason <text>', 'why, for the log')
    .addHelpText(
      'after',
      example(
        'steward maintenance',
        'steward maintenance --for 2h --reason "the storage moves"',
        'steward maintenance --end --reason done',
      ),
    )
    .action((options: MaintenanceOptions, command: Command) =>
      run(command, (session) => maintain(session, options)),
    );
}

async function maintain(session: Session, { for: lengthMs, end, reason }: MaintenanceOptions) {
  const isChange = lengthMs !== undefined || end === true;
  if (lengthMs !== undefined && end === true) throw new UsageError('--for and --end disagree');
  if (isChange && (reason ?? '') === '') throw new UsageError('--reason TEXT is needed: the log keeps it');
  const client = createClient(ManagerServiceService, await session.channel('manager'));
  const now = session.cli.world.clock.now();
  const untilMs = lengthMs === undefined ? undefined : BigInt(now + lengthMs);
  const { maintenance } = isChange
    ? await client.setMaintenance({ untilMs, reason: reason ?? '' }, session.call)
    : await client.getMaintenance({}, session.call);
  tell(session, maintenance, now);
  return undefined;
}

function tell({ show }: Session, maintenance: Maintenance | undefined, now: number): void {
  const until = maintenance?.untilMs;
  if (until === undefined) {
    show.result({ maintenance: false }, ['There is no maintenance.']);
    return;
  }
  const left = briefDuration(Number(until) - now);
  show.result({ maintenance: true, until: formatTime(until) }, [
    `Maintenance until ${formatTime(until)} (${left} more): nothing is started or stopped, nothing times out.`,
  ]);
}
