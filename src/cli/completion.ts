import type { Command } from 'commander';
import { candidates } from './candidates.js';
import { SCRIPTS, SHELLS } from './completion-scripts.js';
import { example, type RunVerb } from './run-verb.js';

export function addCompletion(program: Command, run: RunVerb): void {
  const group = program
    .command('completion')
    .description('print what makes a shell complete verbs, options, instances and workspaces')
    .addHelpText('after', example('source <(steward completion bash)', 'steward completion fish | source'));
  for (const shell of SHELLS) {
    group
      .command(shell)
      .description(`for ${shell}`)
      .addHelpText('after', example(`steward completion ${shell}`))
      .action((_options: object, command: Command) =>
        run(command, async ({ cli }) => {
          cli.stdout.write(SCRIPTS[shell]);
          return undefined;
        }),
      );
  }
  group
    .command('words', { hidden: true })
    .description('the words that may stand where the last one does, for the scripts')
    .argument(
      '[typed...]',
      'what is typed so far without the name of the program, the last word perhaps empty',
    )
    .addHelpText('after', example('steward completion words -- sta'))
    .action((typed: string[], _options: object, command: Command) =>
      run(command, async (session) => {
        for (const word of await candidates(session, typed)) session.cli.stdout.write(`${word}\n`);
        return undefined;
      }),
    );
}
