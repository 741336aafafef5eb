import { type Command, Option } from 'commander';
import {
  type StartWorkspaceRequest,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument, limitArgument, portArgument, variableArgument } from './arguments.js';
import { addContentOptions, type ContentFlags, contentOptions } from './content-options.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { awaitStatus, showingTransitions, withStatuses } from './follow.js';
import { ownName } from './own-name.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { type StartOptions, startRequestOf } from './start-request.js';
import { phaseName } from './wire-names.js';

interface Options extends Omit<StartOptions, 'composed'>, ContentFlags {
  readonly wait?: boolean;
}

export function addStart(program: Command, run: RunVerb): void {
  const command = program
    .command('start')
    .description('start an instance of a workspace, new or known')
    .argument('[command...]', 'what runs inside, after -- (default: sleeps)');
  addContentOptions(command, 'the last backup of --workspace')
    .addOption(new Option('--workspace <id>', 'workspace id (default: a new one)').argParser(idArgument))
    .addOption(new Option('--instance <id>', 'instance id (default: a new one)').argParser(idArgument))
    .addOption(new Option('--owner <id>', 'whose it is (default: your user name)').argParser(idArgument))
    .option('--command <word...>', 'what runs inside; words that begin with - come after --')
    .addOption(
      new Option('-e, --env <name=value>', 'variable for the command; NAME alone passes yours on').argParser(
        variableArgument,
      ),
    )
    .addOption(
      new Option('--unused <duration>', 'end it when nobody used it for so long').argParser(limitArgument),
    )
    .addOption(
      new Option(
        '--closed <duration>',
        'end it so long after its editor was closed; 0s: not for that',
      ).argParser(limitArgument),
    )
    .addOption(
      new Option('--lifetime <duration>', 'end it after so long, used or not').argParser(limitArgument),
    )
    .addOption(
      new Option('--port <port...>', 'expose it to the owner from the beginning').argParser(portArgument),
    )
    .option('--headless', 'it ends with its command, whose exit code says how it went')
    .option('--wait', 'until it runs')
    .addHelpText(
      'after',
      example(
        'steward start --git https://github.com/octocat/Hello-World --wait',
        "steward start --empty --env TOKEN -- sh -c 'date; exec sleep infinity'",
        'steward start --workspace hello-world-1x9 --from-backup --wait',
      ),
    )
    .action((words: string[], options: Options, given: Command) =>
      run(given, (session) => start(session, options, words)),
    );
}

async function start(session: Session, options: Options, words: readonly string[]) {
  const { world, env } = session.cli;
  const owner = ownName(session.cli);
  const content = await contentOptions(world.files, options);
  const request = startRequestOf({ ...options, ...content }, words, { random: world.random, env, owner });
  const manager = await session.channel('manager');
  if (options.wait === true) return startAndWait(session, manager, request);
  await createClient(WorkspaceManagerService, manager).startWorkspace(request, session.call);
  tell(session, request, undefined);
  session.show.note(`\nIt is being set up. \`steward watch ${request.id}\` shows how that goes.`);
  return undefined;
}

/** Starts it and shows what happens until it runs, or never will. */
export async function startAndWait(session: Session, manager: Channel, request: StartWorkspaceRequest) {
  const client = createClient(WorkspaceManagerService, manager);
  const status = await withStatuses(session, manager, (statuses) =>
    showingTransitions(session, manager, request.id, async () => {
      await client.startWorkspace(request, session.call);
      return awaitStatus(session, statuses, request.id, isSettled);
    }),
  );
  tell(session, request, status);
  return settledOutcome(session, request.id, status);
}

/** It runs, or it never will. */
function isSettled({ phase, conditions }: WorkspaceStatus): boolean {
  const hasFailed = (conditions?.failed ?? '') !== '';
  return hasFailed || phase === WorkspacePhase.RUNNING || phase >= WorkspacePhase.STOPPING;
}

function settledOutcome({ cli, show }: Session, id: string, status: WorkspaceStatus): ExitCode | undefined {
  const { phase, conditions } = status;
  if (phase === WorkspacePhase.RUNNING && (conditions?.failed ?? '') === '') {
    show.note(
      `\nIt runs. What next:\n  steward logs ${id} -f\n  steward backup ${id}\n  steward stop ${id} --wait`,
    );
    return undefined;
  }
  const why = conditions?.failed || status.message || `it is ${phaseName(phase)}`;
  const style = show.noteStyle;
  cli.stderr.write(`${style.red('steward start:')} ${id} does not run: ${plainText(why)}\n`);
  cli.stderr.write(
    `  ${style.dim('→')} \`steward history ${id}\` shows each step; correct the source and start again.\n`,
  );
  return EXIT.failure;
}

function tell({ show }: Session, request: StartWorkspaceRequest, status: WorkspaceStatus | undefined): void {
  const workspace = request.metadata?.metaId ?? '';
  const owner = request.metadata?.owner ?? '';
  const phase = status === undefined ? undefined : phaseName(status.phase);
  show.result(
    { instance: request.id, workspace, owner, phase, failed: status?.conditions?.failed || undefined },
    show.details([
      ['instance', request.id],
      ['workspace', workspace],
      ['owner', owner],
      ['phase', phase],
    ]),
  );
}
