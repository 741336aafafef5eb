import { type Command, Option } from 'commander';
import { briefDuration } from '../config/brief-duration.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import type { Transition } from '../gen/steward/v1/transition.js';
import { createClient } from '../grpc/client.js';
import { countArgument, idArgument } from './arguments.js';
import { formatTime } from './format.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import type { Column } from './table.js';
import { transitionJson } from './transition-line.js';

interface HistoryOptions {
  readonly limit?: number;
}

export function addHistory(program: Command, run: RunVerb): void {
  program
    .command('history')
    .description('show what happened to an instance and why, finished ones included')
    .argument('<instance>', 'instance id', idArgument)
    .addOption(new Option('--limit <count>', 'only the newest so many').argParser(countArgument))
    .addHelpText('after', example('steward history 0b5c…'))
    .action((id: string, options: HistoryOptions, command: Command) =>
      run(command, (session) => history(session, id, options)),
    );
}

interface Row {
  readonly transition: Transition;
  /** Since the one before, in milliseconds; undefined for the first. */
  readonly afterMs: number | undefined;
}

async function history(session: Session, id: string, { limit }: HistoryOptions) {
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const request = { instanceId: id, limit: limit ?? 0 };
  const { transitions, truncated } = await client.getHistory(request, session.call);
  const rows = transitions.map((transition, index): Row => {
    const before = transitions[index - 1];
    return { transition, afterMs: before === undefined ? undefined : Number(transition.atMs - before.atMs) };
  });
  session.show.table(
    COLUMNS,
    rows,
    ({ transition }) => transitionJson(transition),
    `Nothing is kept of ${id}.`,
  );
  if (truncated) session.show.note('(older ones are not shown)');
  return undefined;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'SEQ', value: ({ transition }) => transition.sequence.toString(), align: 'right', whole: true },
  { title: 'TIME', value: ({ transition }) => formatTime(transition.atMs), whole: true },
  {
    title: 'AFTER',
    value: ({ afterMs }) => (afterMs === undefined ? '' : briefDuration(afterMs)),
    align: 'right',
  },
  { title: 'ACTOR', value: ({ transition }) => transition.actor },
  { title: 'FROM', value: ({ transition }) => transition.from },
  { title: 'TO', value: ({ transition }) => transition.to },
  { title: 'CAUSE', value: ({ transition }) => transition.cause },
  { title: 'DETAIL', value: ({ transition }) => transition.detail },
];
