import { Command, CommanderError } from 'commander';
import type { Cli } from './cli.js';
import { EXIT, EXIT_MEANINGS } from './exit-code.js';
import { addGlobalOptions, globalOptionsOf } from './global-options.js';
import { plainText } from './plain-text.js';
import { reportError } from './report-error.js';
import { example, type RunVerb, runVerb } from './run-verb.js';
import { UsageError } from './usage-error.js';
import { VERBS, type Verb, valuedOptions, verbIn } from './verbs.js';
import { packageVersion } from './version.js';

/** Runs the command with `args` (without node and script) and answers its exit code. Never throws. */
export async function runProgram(cli: Cli, args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const run: RunVerb = async (command, body) => {
    try {
      code = (await runVerb(cli, command, body)) ?? EXIT.ok;
    } catch (thrown) {
      code = reportError(cli, pathOf(command), thrown, globalOptionsOf(command, cli.env).json);
    }
  };
  try {
    const program = await createProgram(cli, run, args);
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    // Commander has said what is wrong; help and version end this way, too.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(cli, '', thrown, false);
  }
  return code;
}

async function createProgram(cli: Cli, run: RunVerb, args: readonly string[]): Promise<Command> {
  const isJson = wantsJson(args);
  const program = new Command('steward')
    .description('Keeps remote workspaces alive and safe.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      outputError: (text) => tellMistake(cli, text, isJson),
      getOutHelpWidth: () => cli.stdout.columns ?? 100,
      getErrHelpWidth: () => cli.stderr.columns ?? 100,
    })
    .showHelpAfterError(isJson ? false : '(add --help for how it is written)')
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program);
  program.addHelpText(
    'after',
    example('steward up', 'steward start --git https://github.com/octocat/Hello-World --wait'),
  );
  program.addHelpText('after', exitCodeHelp());
  const typed = verbIn(args, valuedOptions(program));
  await addVerbs(program, run, typed === undefined ? VERBS : [typed]);
  return program;
}

/** As far as that can be said of a command line that is wrong; words for a command of the workspace do not count. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).includes('--json');
}

/** What Commander has to say: "error: unknown command …". It repeats what was typed, which may have come from anywhere. */
function tellMistake(cli: Cli, text: string, isJson: boolean): void {
  const message = plainText(text).trim();
  if (isJson) reportError(cli, '', new UsageError(message.replace(/^error: /, '')), true);
  else cli.stderr.write(`${message}\n`);
}

async function addVerbs(program: Command, run: RunVerb, verbs: readonly Verb[]): Promise<void> {
  const adds = await Promise.all(verbs.map(async ({ group, load }) => ({ group, add: await load() })));
  for (const { group, add } of adds) {
    program.commandsGroup(group);
    add(program, run);
  }
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
