import type { Command } from 'commander';
import { type LogOptions, logLevelOption } from './log.js';
import { PROGRAMS } from './places.js';
import { runPrograms } from './run-programs.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

export function addUp(program: Command, run: RunVerb): void {
  program
    .command('up')
    .description('run the whole system on this machine: daemon, manager and bridge in one process')
    .addOption(logLevelOption())
    .addHelpText('after', example('steward up', 'steward up --state ~/workspaces --json'))
    .action((options: LogOptions, command: Command) =>
      run(command, (session) => runPrograms(session, PROGRAMS, options, () => tellReady(session))),
    );
}

/** For scripts `READY=1`, as systemd's notify protocol says it; for people what to type next. */
function tellReady({ cli, show, places }: Session): void {
  const { pid } = process;
  const { stateFolder, addresses } = places;
  const isTerminal = cli.stdout.isTerminal;
  show.result({ ready: true, pid, state: stateFolder, addresses }, [
    ...(isTerminal ? [] : ['READY=1']),
    `Steward is ready, pid ${pid}. Ctrl-C stops it.`,
    ...show.details([['state', stateFolder], ...Object.entries(addresses)]),
  ]);
  show.note(nextSteps(stateFlag(cli.env, stateFolder)).join('\n'));
}

function nextSteps(flag: string): readonly string[] {
  return [
    '',
    'In another terminal (`npx steward` where the command is not installed):',
    `  steward${flag} start --git https://github.com/octocat/Hello-World --wait`,
    `  steward${flag} list`,
    `  steward${flag} stop INSTANCE --wait`,
    `  steward${flag} watch`,
  ];
}

/** The other terminal has to name the same folder. */
function stateFlag(env: Readonly<Record<string, string | undefined>>, stateFolder: string): string {
  const { STEWARD_STATE: fromEnvironment } = env;
  const isNamed = fromEnvironment !== undefined || process.argv.some((word) => word.startsWith('--state'));
  return isNamed
    ? ` --state ${/^[\w./-]+$/.test(stateFolder) ? stateFolder : JSON.stringify(stateFolder)}`
    : '';
}
