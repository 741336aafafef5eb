import type { Command } from 'commander';
import { ContentStatus } from '../gen/steward/v1/content.js';
import { ContentServiceService, type RecoverRequest } from '../gen/steward/v1/content_service.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { tellLoss } from './loss.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import { UsageError } from './usage-error.js';
import { contentStateName } from './wire-names.js';

interface RecoverOptions {
  readonly retry?: boolean;
  readonly park?: boolean;
  readonly resume?: boolean;
  readonly abandon?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly reason: string;
}

export function addRecover(program: Command, run: RunVerb): void {
  program
    .command('recover')
    .description('decide about the content of an instance that cannot go on by itself')
    .argument('<instance>', 'instance id', idArgument)
    .option('--retry', 'try again now, without waiting for the pause to end')
    .option('--park', 'stop trying; keep everything as it is')
    .option('--resume', 'go on with one that is parked')
    .option('--abandon', 'give the content up: remove it without a backup (needs --yes)')
    .option('--dry-run', 'with --abandon: only tell what would be lost')
    .option('--yes', 'what was not saved is lost, and that is meant')
    .requiredOption('--reason <text>', 'why, for the history')
    .addHelpText('after', example('steward recover 0b5c… --retry --reason "the storage is back"'))
    .action((id: string, options: RecoverOptions, command: Command) =>
      run(command, (session) => recover(session, id, options)),
    );
}

async function recover(session: Session, id: string, options: RecoverOptions) {
  const action = actionOf(id, options);
  if (options.dryRun === true) return tellLoss(session, id);
  const client = createClient(ContentServiceService, await session.channel('manager'));
  const request = { instanceId: id, reason: options.reason, action };
  const { content } = await client.recover(request, session.longCall);
  const value = content === undefined ? {} : asObject(ContentStatus.toJSON(content));
  session.show.result(
    { instance: id, action: action.$case, content: value },
    session.show.details([
      ['instance', id],
      ['state', content && contentStateName(content.state)],
      ['step', content?.step],
      ['detail', content?.detail],
    ]),
  );
  return undefined;
}

function actionOf(id: string, options: RecoverOptions): NonNullable<RecoverRequest['action']> {
  const actions: NonNullable<RecoverRequest['action']>[] = [];
  if (options.retry === true) actions.push({ $case: 'retry', value: {} });
  if (options.park === true) actions.push({ $case: 'park', value: {} });
  if (options.resume === true) actions.push({ $case: 'resume', value: {} });
  if (options.abandon === true) actions.push({ $case: 'abandon', value: { confirmInstanceId: id } });
  const [only, second] = actions;
  if (only === undefined || second !== undefined) {
    throw new UsageError('say what to do: one of --retry, --park, --resume and --abandon');
  }
  if (options.dryRun === true) {
    if (only.$case === 'abandon' && options.yes !== true) return only;
    throw new UsageError('--dry-run goes with --abandon and without --yes');
  }
  if (only.$case === 'abandon' && options.yes !== true) {
    throw new UsageError('--abandon loses what was not saved; add --yes if that is meant');
  }
  return only;
}
