import { Command, CommanderError } from 'commander';
import { addBackup } from './backup.js';
import { addBackups } from './backups.js';
import { addBridge } from './bridge.js';
import type { Cli } from './cli.js';
import { addConfig } from './config.js';
import { addContent } from './content.js';
import { addDaemon } from './daemon.js';
import { addDelete } from './delete.js';
import { addDescribe } from './describe.js';
import { addDoctor } from './doctor.js';
import { addDrills } from './drills.js';
import { EXIT, EXIT_MEANINGS, type ExitCode } from './exit-code.js';
import { addGlobalOptions, globalOptionsOf } from './global-options.js';
import { addHistory } from './history.js';
import { addList } from './list.js';
import { addLogs } from './logs.js';
import { addMachines } from './machines.js';
import { addManager } from './manager.js';
import { plainText } from './plain-text.js';
import { addRecover } from './recover.js';
import { reportError } from './report-error.js';
import { addRestore } from './restore.js';
import { example, type RunVerb, runVerb } from './run-verb.js';
import { addSnapshot } from './snapshot.js';
import { addSnapshots } from './snapshots.js';
import { addStart } from './start.js';
import { addStop } from './stop.js';
import { addUp } from './up.js';
import { addVerify } from './verify.js';
import { packageVersion } from './version.js';
import { addWatch } from './watch.js';
import { addWhy } from './why.js';

/** Runs the command with `args` (without node and script) and answers its exit code. Never throws. */
export async function runProgram(cli: Cli, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const run: RunVerb = async (command, body) => {
    try {
      code = (await runVerb(cli, command, body)) ?? EXIT.ok;
    } catch (thrown) {
      code = reportError(cli, pathOf(command), thrown, globalOptionsOf(command, cli.env).json);
    }
  };
  try {
    await createProgram(cli, run).parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    // Commander has said what is wrong; help and version end this way, too.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(cli, '', thrown, false);
  }
  return code;
}

function createProgram(cli: Cli, run: RunVerb): Command {
  const program = new Command('steward')
    .description('Keeps remote workspaces alive and safe.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      // It repeats what was typed, which may have come from anywhere.
      outputError: (text, write) => write(`${plainText(text).trim()}\n`),
      getOutHelpWidth: () => cli.stdout.columns ?? 100,
      getErrHelpWidth: () => cli.stderr.columns ?? 100,
    })
    .showHelpAfterError('(add --help for how it is written)')
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program);
  program.addHelpText(
    'after',
    example('steward up', 'steward start --git https://github.com/octocat/Hello-World --wait'),
  );
  program.addHelpText('after', exitCodeHelp());
  program.commandsGroup('The system:');
  for (const add of [addUp, addDaemon, addManager, addBridge, addDoctor, addConfig, addMachines])
    add(program, run);
  program.commandsGroup('Workspaces:');
  for (const add of [addStart, addList, addDescribe, addWhy, addStop, addLogs]) add(program, run);
  program.commandsGroup('Content:');
  for (const add of [addBackup, addSnapshot, addWatch, addHistory, addRecover, addContent]) add(program, run);
  program.commandsGroup('What is stored:');
  for (const add of [addBackups, addSnapshots, addVerify, addRestore, addDelete, addDrills])
    add(program, run);
  return program;
}

function exitCodeHelp(): string {
  const lines = EXIT_MEANINGS.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`);
  return `\nExit codes:\n${lines.join('\n')}\n`;
}

/** `content init` of `steward content init`. */
function pathOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent != null; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}
