import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import { Snapshot, SnapshotState } from '../gen/steward/v1/backup.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { VERSION_PAGE_ENTRIES } from './bounds.js';
import { workspaceNamed } from './named-version.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import type { Column } from './table.js';
import { snapshotStateName } from './wire-names.js';

interface SnapshotsOptions {
  readonly owner?: string;
}

export function addSnapshots(program: Command, run: RunVerb): void {
  program
    .command('snapshots')
    .description('list the snapshots of a workspace, newest first, also those still being stored')
    .argument('<workspace>', 'workspace or instance id', idArgument)
    .addOption(
      new Option('--owner <id>', 'whose workspace (default: as known, else yours)').argParser(idArgument),
    )
    .addHelpText('after', example('steward snapshots hello'))
    .action((name: string, options: SnapshotsOptions, command: Command) =>
      run(command, (session) => snapshots(session, name, options)),
    );
}

async function snapshots(session: Session, name: string, options: SnapshotsOptions) {
  const manager = await session.channel('manager');
  const { owner, workspaceId } = await workspaceNamed(session, manager, name, options.owner);
  const client = createClient(ContentServiceService, manager);
  const found: Snapshot[] = [];
  for (let pageToken = ''; ; ) {
    const request = { owner, workspaceId, pageSize: VERSION_PAGE_ENTRIES, pageToken };
    const page = await client.listSnapshots(request, session.longCall);
    found.push(...page.snapshots);
    if (page.nextPageToken === '') break;
    pageToken = page.nextPageToken;
  }
  session.show.table(
    columns(session.cli.world.clock.now()),
    found,
    (snapshot) => asObject(Snapshot.toJSON(snapshot)),
    `No snapshots of ${workspaceId}, owner ${owner}. \`steward snapshot INSTANCE\` makes one.`,
  );
  return undefined;
}

function columns(now: number): readonly Column<Snapshot>[] {
  return [
    { title: 'SNAPSHOT', value: ({ url }) => url, whole: true },
    { title: 'STATE', value: ({ state }) => snapshotStateName(state) },
    { title: 'AGE', value: ({ createdMs }) => briefDuration(now - Number(createdMs)), align: 'right' },
    {
      title: 'STORED',
      value: ({ state, sizeBytes }) =>
        state === SnapshotState.SNAPSHOT_STATE_PENDING ? '-' : formatBytes(Number(sizeBytes)),
      align: 'right',
    },
    { title: 'INSTANCE', value: ({ instanceId }) => instanceId },
    { title: 'FAILURE', value: ({ failure }) => (failure === undefined ? '' : failure.message) },
  ];
}
