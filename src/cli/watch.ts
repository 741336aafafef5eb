import { type Command, Option } from 'commander';
import { ContentServiceService, type WatchTransitionsResponse } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { idArgument, sequenceArgument } from './arguments.js';
import { progressJson, progressText } from './progress-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { transitionJson, transitionLine } from './transition-line.js';

interface WatchOptions {
  readonly from?: bigint;
  readonly follow: boolean;
}

export function addWatch(program: Command, run: RunVerb): void {
  program
    .command('watch')
    .description('show transitions as they happen; Ctrl-C ends it')
    .argument('[instance]', 'only those of this instance', idArgument)
    .addOption(
      new Option('--from <sequence>', 'begin with kept ones from here; 1 for all').argParser(
        sequenceArgument,
      ),
    )
    .option('--no-follow', 'end once everything kept was shown')
    .addHelpText('after', example('steward watch', 'steward watch --from 1 --no-follow --json'))
    .action((id: string | undefined, options: WatchOptions, command: Command) =>
      run(command, (session) => watch(session, id, options)),
    );
}

async function watch(session: Session, id: string | undefined, { from, follow }: WatchOptions) {
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const request = {
    fromSequence: from,
    fromSequenceByNode: {},
    instanceIds: id === undefined ? [] : [id],
    follow,
  };
  const { timeoutMs } = session.options;
  const call = { signal: session.cli.interrupted, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  try {
    for await (const { event } of client.watchTransitions(request, call)) {
      if (event !== undefined) print(session, event, id === undefined);
    }
  } finally {
    session.show.live(undefined);
  }
  return undefined;
}

function print(
  { show }: Session,
  event: NonNullable<WatchTransitionsResponse['event']>,
  showsInstance: boolean,
): void {
  switch (event.$case) {
    case 'transition': {
      const instance = showsInstance ? event.value.instanceId : undefined;
      show.result(transitionJson(event.value), [transitionLine(event.value, show.style, instance)]);
      break;
    }
    case 'gap': {
      const { node, fromSequence, toSequence } = event.value;
      const gap = { node, fromSequence: Number(fromSequence), toSequence: Number(toSequence) };
      const text = `(transitions ${fromSequence} to ${toSequence} of ${node} are no longer kept)`;
      show.result({ gap }, [show.style.yellow(text)]);
      break;
    }
    case 'progress':
      if (show.json) show.result(progressJson(event.value), []);
      else show.live(progressText(event.value, show.noteStyle, showsInstance));
      break;
    case 'caughtUp':
      show.note(show.noteStyle.dim(`(from now on, as it happens on ${event.value.node})`));
      break;
  }
}
