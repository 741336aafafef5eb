import { basename, relative } from 'node:path';
import type { Command } from 'commander';
import { databaseOption, redisOption } from './database-options.js';
import { logLevelOption } from './log.js';
import { PROGRAMS } from './places.js';
import { type RunOptions, runPrograms } from './run-programs.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

export function addUp(program: Command, run: RunVerb): void {
  program
    .command('up')
    .description('run the whole system on this machine: daemon, manager and bridge in one process')
    .option('--config <file>', 'configuration (JSON) of daemon, manager and bridge, each under its name')
    .addOption(databaseOption())
    .addOption(redisOption())
    .addOption(logLevelOption())
    .addHelpText(
      'after',
      example(
        'steward up',
        'steward up --config steward.json',
        'steward up --state ~/workspaces --json',
        'steward up --database mysql://steward@db.example/steward --redis redis://redis.example',
      ),
    )
    .action((options: RunOptions, command: Command) =>
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
  const steward = `${ownName()}${stateFlag(cli.env, stateFolder)}`;
  show.note(
    [
      '',
      'In another terminal:',
      `  ${steward} start --git https://github.com/octocat/Hello-World --wait`,
      `  ${steward} list`,
      `  ${steward} stop INSTANCE --wait`,
      `  ${steward} watch`,
    ].join('\n'),
  );
}

/** How the user calls this command: a clone that was not installed has no `steward` on the PATH. */
function ownName(): string {
  const [, script = 'steward'] = process.argv;
  const name = basename(script);
  return name === 'steward' ? name : `node ${relative(process.cwd(), script) || script}`;
}

/** The other terminal has to name the same folder. */
function stateFlag(env: Readonly<Record<string, string | undefined>>, stateFolder: string): string {
  const { STEWARD_STATE: fromEnvironment } = env;
  const isNamed = fromEnvironment !== undefined || process.argv.some((word) => word.startsWith('--state'));
  return isNamed
    ? ` --state ${/^[\w./-]+$/.test(stateFolder) ? stateFolder : JSON.stringify(stateFolder)}`
    : '';
}
