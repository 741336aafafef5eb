import { type Argument, Command, type Option } from 'commander';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { ClusterServiceService } from '../gen/ws-manager-bridge-api/cluster-service.js';
import { createClient } from '../grpc/client.js';
import { COMPLETION_ANSWER_MS } from './bounds.js';
import { contextFolder } from './context-file.js';
import { addGlobalOptions, globalOptionsOf } from './global-options.js';
import { inContext } from './run-verb.js';
import { Session } from './session.js';
import { VERBS, valuedOptions, verbIn } from './verbs.js';

/**
 * The words that may stand where the last of `typed` does, which may be the beginning of one or nothing. Never
 * throws: nobody wants an error while typing.
 */
export async function candidates(session: Session, typed: readonly string[]): Promise<readonly string[]> {
  const before = typed.slice(0, -1);
  const begun = typed.at(-1) ?? '';
  const all = await wordsAfter(session, before, begun).catch(() => []);
  return [...new Set(all)].filter((word) => word.startsWith(begun)).sort();
}

async function wordsAfter(
  { cli }: Session,
  before: readonly string[],
  begun: string,
): Promise<readonly string[]> {
  const root = new Command('steward');
  addGlobalOptions(root);
  if (before.includes('--')) return [];
  const asked = before.at(-1) ?? '';
  const verb = verbIn(before, valuedOptions(root));
  if (verb !== undefined) (await verb.load())(root, async () => undefined);
  const { command, operands } = commandIn(root, before);
  const options = [...command.options, ...(command === root ? [] : root.options)].filter(
    ({ hidden }) => !hidden,
  );
  const valued = options.find(
    (option) => option.required && (option.long === asked || option.short === asked),
  );
  const local = () => sessionOf(cli, valued === undefined ? before : before.slice(0, -1));
  if (valued !== undefined) return valuesOf(local, valued);
  if (begun.startsWith('-')) return options.flatMap(({ long }) => long ?? []);
  if (command === root) return operands === 0 ? VERBS.map(({ name }) => name) : [];
  if (command.commands.length > 0) return visibleIn(command);
  const argument = command.registeredArguments[operands] ?? last(command.registeredArguments);
  return argument === undefined ? [] : valuesOf(local, argument);
}

function last(all: readonly Argument[]): Argument | undefined {
  const found = all.at(-1);
  return found?.variadic === true ? found : undefined;
}

/** Hidden ones are for scripts. */
function visibleIn(command: Command): readonly string[] {
  const names = command
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name());
  return names.filter((name) => name !== 'help');
}

/** The innermost command the words name, and how many of its arguments are there already. */
function commandIn(
  root: Command,
  words: readonly string[],
): { readonly command: Command; readonly operands: number } {
  let command = root;
  let operands = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word.startsWith('-')) {
      const option = [...command.options, ...root.options].find(
        ({ long, short }) => word === long || word === short,
      );
      if (option?.required === true) at += 1;
      continue;
    }
    const inner = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (inner === undefined) operands += 1;
    else command = inner;
  }
  return { command, operands };
}

async function sessionOf(cli: Session['cli'], words: readonly string[]): Promise<Session> {
  const globals = new Command('steward');
  addGlobalOptions(globals);
  globals.allowUnknownOption().allowExcessArguments().exitOverride().argument('[words...]');
  globals.parseOptions([...words]);
  return new Session(cli, {
    ...(await inContext(cli, globalOptionsOf(globals, cli.env))),
    timeoutMs: COMPLETION_ANSWER_MS,
    quiet: true,
  });
}

/** Its choices, or what goes by the name of the value: `<instance>`, `<workspace@version>`, `--context <name>`. */
async function valuesOf(session: () => Promise<Session>, of: Argument | Option): Promise<readonly string[]> {
  if (of.argChoices !== undefined) return of.argChoices;
  const name = 'flags' in of ? of.name() : of.name().replace(/@.*/, '');
  if (name === 'context') return contextNames(await session());
  const ask = asked[name];
  if (ask === undefined) return [];
  const asking = await session();
  try {
    return await ask(asking);
  } finally {
    asking.close();
  }
}

/** What goes by the name of a value, where somebody has to be asked. */
const asked: Readonly<Record<string, (session: Session) => Promise<readonly string[]>>> = {
  instance: instanceIds,
  into: instanceIds,
  workspace: workspaceIds,
  cluster: clusterNames,
};

async function clusterNames(session: Session): Promise<readonly string[]> {
  const client = createClient(ClusterServiceService, await session.channel('bridge'));
  return (await client.list({}, session.call)).status.map(({ name }) => name);
}

async function instanceIds(session: Session): Promise<readonly string[]> {
  const client = createClient(WorkspaceManagerService, await session.channel('manager'));
  const { status } = await client.getWorkspaces({ mustMatch: undefined }, session.call);
  return status.map(({ id }) => id);
}

async function workspaceIds(session: Session): Promise<readonly string[]> {
  const manager = await session.channel('manager');
  const { status } = await createClient(WorkspaceManagerService, manager).getWorkspaces(
    { mustMatch: undefined },
    session.call,
  );
  const page = { owner: '', workspaceId: '', pageSize: 0, pageToken: '' };
  const { contents } = await createClient(ContentServiceService, manager).listContent(page, session.call);
  return [
    ...status.map(({ metadata }) => metadata?.metaId ?? ''),
    ...contents.map(({ workspaceId }) => workspaceId),
  ];
}

async function contextNames({ cli }: Session): Promise<readonly string[]> {
  const entries = await cli.world.files.list(contextFolder(cli.user));
  return entries.map(({ name }) => name.replace(/\.json$/, ''));
}
