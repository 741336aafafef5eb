import type { Command } from 'commander';
import { ContentStatus } from '../gen/steward/v1/content.js';
import { ContentServiceService, NodeLoad } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
import { TERMINAL_COLUMNS } from './bounds.js';
import { contentsById } from './contents-by-id.js';
import { example, type RunVerb } from './run-verb.js';
import { everyOption, keepShowing, type Picture } from './screen.js';
import type { Session } from './session.js';
import { asObject, statusJson } from './status-json.js';
import { topLines } from './top-lines.js';

interface TopOptions {
  readonly once?: boolean;
  readonly every: number;
}

export function addTop(program: Command, run: RunVerb): void {
  program
    .command('top')
    .description('watch instances, their states, backups at risk and the queues of the nodes; Ctrl-C ends it')
    .option('--once', 'show it once (default: unless stdout is a terminal)')
    .addOption(everyOption())
    .addHelpText('after', example('steward top', 'steward top --once --json'))
    .action((options: TopOptions, command: Command) => run(command, (session) => top(session, options)));
}

async function top(session: Session, { once, every }: TopOptions) {
  if (once !== true && session.cli.stdout.isTerminal) return keepShowing(session, every, () => take(session));
  const { lines, values } = await take(session);
  for (const value of values) session.show.result(value, lines);
  return undefined;
}

async function take(session: Session): Promise<Picture> {
  const { cli, show, call } = session;
  const manager = await session.channel('manager');
  const wanted = { owner: '', workspace: '' };
  const [{ status: statuses }, contents, { nodes }] = await Promise.all([
    createClient(WorkspaceManagerService, manager).getWorkspaces({ mustMatch: undefined }, call),
    contentsById(session, manager, wanted),
    createClient(ContentServiceService, manager).getLoad({}, call),
  ]);
  const width = cli.stdout.isTerminal ? (cli.stdout.columns ?? TERMINAL_COLUMNS) : undefined;
  const facts = { now: cli.world.clock.now(), statuses, contents, nodes };
  const instances = statuses.map((one) => {
    const content = contents.get(one.id);
    return {
      ...statusJson(one),
      content: content === undefined ? null : asObject(ContentStatus.toJSON(content)),
    };
  });
  return {
    lines: topLines(facts, show.style, width),
    values: [{ nodes: nodes.map((node) => asObject(NodeLoad.toJSON(node))), instances }],
  };
}
