import type { Command } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import type { ContentStatus } from '../gen/steward/v1/content.js';
import { WorkspaceManagerService, type WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { contentsById } from './contents-by-id.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { statusJson } from './status-json.js';
import type { Column } from './table.js';
import { contentStateName, phaseName } from './wire-names.js';

interface ListOptions {
  readonly owner?: string;
  readonly workspace?: string;
}

export function addList(program: Command, run: RunVerb): void {
  program
    .command('list')
    .alias('ls')
    .description('show the instances the manager knows, stopped ones included for a while')
    .option('--owner <id>', 'only those of this owner')
    .option('--workspace <id>', 'only those of this workspace')
    .addHelpText('after', example('steward list', 'steward list --json --owner ada'))
    .action((options: ListOptions, command: Command) => run(command, (session) => list(session, options)));
}

interface Row {
  readonly status: WorkspaceStatus;
  readonly content: ContentStatus | undefined;
}

async function list(session: Session, options: ListOptions) {
  const manager = await session.channel('manager');
  const client = createClient(WorkspaceManagerService, manager);
  const mustMatch = { owner: options.owner ?? '', metaId: options.workspace ?? '', annotations: {} };
  const { status } = await client.getWorkspaces({ mustMatch }, session.call);
  const contents = await contentsById(session, manager, options);
  const rows = status.map((one): Row => ({ status: one, content: contents.get(one.id) }));
  rows.sort((a, b) => createdMs(a.status) - createdMs(b.status) || (a.status.id < b.status.id ? -1 : 1));
  session.show.table(
    columns(session.cli.world.clock.now()),
    rows,
    ({ status: one, content }) => ({
      ...statusJson(one),
      content: content === undefined ? null : { state: contentStateName(content.state), step: content.step },
    }),
    'No instances. `steward start --git URL --wait` makes one.',
  );
  return undefined;
}

function columns(now: number): readonly Column<Row>[] {
  return [
    { title: 'INSTANCE', value: ({ status }) => status.id, whole: true },
    { title: 'WORKSPACE', value: ({ status }) => status.metadata?.metaId ?? '' },
    { title: 'OWNER', value: ({ status }) => status.metadata?.owner ?? '' },
    { title: 'PHASE', value: ({ status }) => phaseName(status.phase), whole: true },
    {
      title: 'CONTENT',
      value: ({ content }) => (content === undefined ? '-' : contentStateName(content.state)),
    },
    {
      title: 'AGE',
      value: ({ status }) => briefDuration(now - createdMs(status)),
      align: 'right',
      whole: true,
    },
    { title: 'MESSAGE', value: ({ status }) => status.conditions?.failed || status.message },
  ];
}

function createdMs({ metadata }: WorkspaceStatus): number {
  return metadata?.startedAt?.getTime() ?? 0;
}
