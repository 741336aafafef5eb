import type { Command } from 'commander';
import { ContentServiceService, ExplainResponse } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { TERMINAL_COLUMNS } from './bounds.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import { wrapped } from './wrapped.js';

export function addWhy(program: Command, run: RunVerb): void {
  program
    .command('why')
    .description(
      'say in sentences where an instance is, what was tried, what comes next, and what you can do',
    )
    .argument('<instance>', 'instance id', idArgument)
    .addHelpText('after', example('steward why 0b5c…', 'steward why 0b5c… --json'))
    .action((id: string, _options: object, command: Command) => run(command, (session) => why(session, id)));
}

async function why(session: Session, id: string) {
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const answer = await client.explain({ instanceId: id }, session.call);
  session.show.result(
    { instance: id, ...asObject(ExplainResponse.toJSON(answer)) },
    explanationLines(session, answer),
  );
  return undefined;
}

/** Paragraphs that fit the terminal. Commands stand alone in a line, so that they can be copied. */
function explanationLines({ cli, show }: Session, answer: ExplainResponse): readonly string[] {
  const { style } = show;
  const width = cli.stdout.isTerminal ? (cli.stdout.columns ?? TERMINAL_COLUMNS) : TERMINAL_COLUMNS;
  const item = (text: string) => wrapped(plainText(text), width, '  - ', '    ');
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', style.bold(title), ...lines];
  return [
    ...wrapped(plainText(answer.explanation), width),
    ...section('What was tried and failed', answer.tried.flatMap(item)),
    ...section('What happens by itself', answer.next.flatMap(item)),
    ...section(
      'What you can do',
      answer.options.flatMap(({ what, command }) => [
        ...item(what),
        ...(command.length === 0
          ? []
          : [`      ${style.dim('$')} steward ${command.map(plainText).join(' ')}`]),
      ]),
    ),
  ];
}
