import type { Command } from 'commander';
import type { Program } from '../config/state-folder.js';
import { databaseOption, redisOption } from './database-options.js';
import { logLevelOption } from './log.js';
import { type RunOptions, runPrograms } from './run-programs.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

/** A verb that runs one of the three programs; verbs of its own may be added to it. */
export function addOneProgram(program: Command, run: RunVerb, name: Program, description: string): Command {
  const command = program.command(name);
  if (name === 'bridge') command.addOption(databaseOption()).addOption(redisOption());
  return command
    .description(description)
    .option(
      '--config <file>',
      `configuration (JSON); \`steward config schema --program ${name}\` says what it holds`,
    )
    .addOption(logLevelOption())
    .addHelpText('after', example(`steward ${name}`, `steward ${name} --config ${name}.json`))
    .action((options: RunOptions, command: Command) =>
      run(command, (session) => runPrograms(session, [name], options, () => tellReady(session, name))),
    );
}

function tellReady({ cli, show, places }: Session, name: Program): void {
  const { pid } = process;
  show.result({ ready: true, program: name, pid, state: places.stateFolder }, [
    ...(cli.stdout.isTerminal ? [] : ['READY=1']),
    `The ${name} is ready, pid ${pid}. Ctrl-C stops it.`,
  ]);
}
