import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { formatDuration } from '../config/duration.js';
import { ManagerServiceService } from '../gen/steward/v1/manager_service.js';
import { TimeoutType, WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { idArgument, limitArgument } from './arguments.js';
import { formatTime } from './format.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

interface TimeoutOptions {
  readonly closed?: number;
}

export function addTimeout(program: Command, run: RunVerb): void {
  program
    .command('timeout')
    .description('show when an instance times out, or set how long it may go unused')
    .argument('<instance>', 'instance id', idArgument)
    .argument('[duration]', 'how long it may go unused: 30m, 3h', limitArgument)
    .addOption(
      new Option(
        '--closed <duration>',
        'how long after its editor was closed; 0s: that ends nothing',
      ).argParser(limitArgument),
    )
    .addHelpText(
      'after',
      example('steward timeout 0b5c…', 'steward timeout 0b5c… 3h', 'steward timeout 0b5c… --closed 0s'),
    )
    .action((id: string, duration: number | undefined, options: TimeoutOptions, command: Command) =>
      run(command, (session) => timeout(session, id, duration, options)),
    );
}

async function timeout(
  session: Session,
  id: string,
  unusedMs: number | undefined,
  { closed: closedMs }: TimeoutOptions,
) {
  const { show, cli, call } = session;
  const manager = await session.channel('manager');
  const workspaces = createClient(WorkspaceManagerService, manager);
  const set = (milliseconds: number, type: TimeoutType) =>
    workspaces.setTimeout({ id, duration: formatDuration(milliseconds), type }, call);
  if (unusedMs !== undefined) await set(unusedMs, TimeoutType.WORKSPACE_TIMEOUT);
  if (closedMs !== undefined) await set(closedMs, TimeoutType.CLOSED_TIMEOUT);
  const { status } = await workspaces.describeWorkspace({ id }, call);
  const { instance } = await createClient(ManagerServiceService, manager).getInstance(
    { instanceId: id },
    call,
  );
  const timeouts = instance?.timeouts ?? [];
  const now = cli.world.clock.now();
  const lastUsed = instance?.lastActivityMs;
  show.result(
    {
      ...{ instance: id, unused: status?.spec?.timeout, closed: status?.spec?.closedTimeout },
      lastUsed: lastUsed === undefined ? null : formatTime(lastUsed),
      timeouts: timeouts.map(({ kind, atMs, suspended }) => ({ kind, at: formatTime(atMs), suspended })),
    },
    show.details([
      ['instance', id],
      ['unused', status?.spec?.timeout],
      ['closed', status?.spec?.closedTimeout],
      ['last used', lastUsed === undefined ? 'never' : ago(lastUsed, now)],
      ...timeouts.map(
        ({ kind, atMs, suspended }) =>
          [kind, suspended ? 'suspended: maintenance' : `ends it ${coming(atMs, now)}`] as const,
      ),
    ]),
  );
  return undefined;
}

function ago(ms: bigint, now: number): string {
  return `${formatTime(ms)} (${briefDuration(now - Number(ms))} ago)`;
}

function coming(ms: bigint, now: number): string {
  return `at ${formatTime(ms)} (in ${briefDuration(Number(ms) - now)})`;
}
