import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import { ContentServiceService, Drill } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { countArgument, idArgument } from './arguments.js';
import { EXIT } from './exit-code.js';
import { formatTime } from './format.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import type { Column } from './table.js';

interface DrillsOptions {
  readonly owner?: string;
  readonly workspace?: string;
  readonly limit?: number;
}

export function addDrills(program: Command, run: RunVerb): void {
  program
    .command('drills')
    .description(
      `what restores for proof found, newest first; exit code ${EXIT.dataLoss} when one shown failed`,
    )
    .addOption(new Option('--owner <id>', 'only those of this owner').argParser(idArgument))
    .addOption(new Option('--workspace <id>', 'only those of this workspace').argParser(idArgument))
    .addOption(new Option('--limit <count>', 'only the newest so many').argParser(countArgument))
    .addHelpText('after', example('steward drills', 'steward drills --workspace hello'))
    .action((options: DrillsOptions, command: Command) =>
      run(command, (session) => drills(session, options)),
    );
}

async function drills(session: Session, options: DrillsOptions) {
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const { drills: found, nextMs } = await client.listDrills(
    {
      owner: options.owner ?? '',
      workspaceId: options.workspace ?? '',
      pageSize: options.limit ?? 0,
      pageToken: '',
    },
    session.call,
  );
  const next = nextMs === undefined ? 'None is scheduled.' : `The next one is due ${formatTime(nextMs)}.`;
  session.show.table(COLUMNS, found, (drill) => asObject(Drill.toJSON(drill)), `No drills yet. ${next}`);
  if (found.length > 0) session.show.note(next);
  return found.some(({ failure }) => failure !== undefined) ? EXIT.dataLoss : undefined;
}

const COLUMNS: readonly Column<Drill>[] = [
  { title: 'STARTED', value: ({ startedMs }) => formatTime(startedMs), whole: true },
  { title: 'VERSION', value: ({ workspaceId, generation }) => `${workspaceId}@${generation}`, whole: true },
  { title: 'OWNER', value: ({ owner }) => owner },
  { title: 'RESULT', value: resultText },
  {
    title: 'TOOK',
    value: ({ proof }) => (proof === undefined ? '' : briefDuration(Number(proof.durationMs))),
    align: 'right',
  },
  { title: 'NODE', value: ({ node }) => node },
];

function resultText({ proof, failure }: Drill): string {
  if (failure !== undefined) return `failed: ${failure.message}`;
  if (proof === undefined) return '-';
  if (!proof.compared) return `restored, not compared: ${proof.remark}`;
  return `proven: ${proof.entries} entries, ${formatBytes(Number(proof.bytes))}`;
}
