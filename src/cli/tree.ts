import { type Command, Option } from 'commander';
import type { Program as ProgramName } from '../config/state-folder.js';
import { StewardError } from '../errors/steward-error.js';
import { SupervisionNode, SupervisionServiceService } from '../gen/steward/v1/supervision.js';
import { SystemServiceService } from '../gen/steward/v1/system.js';
import { createClient } from '../grpc/client.js';
import { countArgument } from './arguments.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import { everyOption, keepShowing, type Picture } from './screen.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import { treeLines } from './tree-lines.js';

interface TreeOptions {
  readonly watch?: boolean;
  readonly depth?: number;
  readonly children?: number;
  readonly every: number;
}

export function addTree(program: Command, run: RunVerb): void {
  program
    .command('tree')
    .description('show who supervises whom in the programs, and how they are doing')
    .option('-w, --watch', 'show it again and again; Ctrl-C ends it')
    .addOption(everyOption())
    .addOption(new Option('--depth <levels>', 'no more levels than that').argParser(countArgument))
    .addOption(new Option('--children <count>', 'no more children of one than that').argParser(countArgument))
    .addHelpText('after', example('steward tree', 'steward tree --watch --depth 3'))
    .action((options: TreeOptions, command: Command) => run(command, (session) => tree(session, options)));
}

async function tree(session: Session, options: TreeOptions) {
  if (options.watch === true) return keepShowing(session, options.every, () => take(session, options));
  const { lines, values } = await take(session, options);
  if (session.show.json) for (const value of values) session.show.result(value, []);
  else session.show.result(undefined, lines);
  return undefined;
}

interface Tree {
  readonly program: ProgramName;
  /** Of a daemon behind a manager. */
  readonly node: string;
  readonly root: SupervisionNode | undefined;
  /** Why there is none. */
  readonly problem: string;
}

async function take(session: Session, options: TreeOptions): Promise<Picture> {
  const manager = await session.channel('manager');
  const { node } = await createClient(SystemServiceService, manager).getInfo({}, session.call);
  const trees = [
    await treeOf(session, options, 'manager', ''),
    await treeOf(session, options, 'daemon', node),
    // Another machine's bridge has another address.
    ...(session.options.address === undefined ? [await treeOf(session, options, 'bridge', '')] : []),
  ];
  const now = session.cli.world.clock.now();
  const { style } = session.show;
  return {
    lines: trees.flatMap(({ program, root, problem }) =>
      root === undefined ? [`${program}  ${style.yellow(plainText(problem))}`] : treeLines(root, style, now),
    ),
    values: trees.map(({ program, node: of, root, problem }) => ({
      ...{ program, node: of },
      ...(root === undefined ? { problem } : { tree: asObject(SupervisionNode.toJSON(root)) }),
    })),
  };
}

/** The daemon's tree comes through the manager, wherever that is. */
async function treeOf(
  session: Session,
  { depth = 0, children = 0 }: Omit<TreeOptions, 'every'>,
  program: ProgramName,
  node: string,
): Promise<Tree> {
  try {
    const channel = await session.channel(program === 'daemon' ? 'manager' : program);
    const request = { path: '', depth, childrenLimit: children, node };
    const { root } = await createClient(SupervisionServiceService, channel).getTree(request, session.call);
    return { program, node, root, problem: '' };
  } catch (thrown) {
    if (program === 'manager' || !(thrown instanceof StewardError) || thrown.code !== 'unavailable')
      throw thrown;
    return { program, node, root: undefined, problem: 'does not answer' };
  }
}
