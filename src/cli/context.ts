import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { replaceDurably } from '../gateways/durable.js';
import { parseAddress } from '../grpc/address.js';
import { idArgument } from './arguments.js';
import { contextFolder, contextPath, readContext } from './context-file.js';
import { plainText } from './plain-text.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import type { Column } from './table.js';
import { UsageError } from './usage-error.js';

export function addContext(program: Command, run: RunVerb): void {
  const group = program
    .command('context')
    .description('keep how to talk to installations, each under a name for --context')
    .addHelpText('after', example('steward context list', 'steward list --context staging'));
  group
    .command('list')
    .description('show them')
    .addHelpText('after', example('steward context list'))
    .action((_options: object, command: Command) => run(command, list));
  group
    .command('set')
    .description('keep --address or --state, and the --tls flags, under a name')
    .argument('<name>', 'its name', idArgument)
    .addHelpText(
      'after',
      example(
        'steward context set staging --address manager.example.org:8080 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key',
      ),
    )
    .action((name: string, _options: object, command: Command) =>
      run(command, (session) => set(session, name)),
    );
  group
    .command('remove')
    .description('forget one; certificates stay where they are')
    .argument('<name>', 'its name', idArgument)
    .addOption(new Option('--dry-run', 'only tell what would go'))
    .addHelpText('after', example('steward context remove staging'))
    .action((name: string, options: { dryRun?: boolean }, command: Command) =>
      run(command, (session) => remove(session, name, options.dryRun === true)),
    );
}

interface Row {
  readonly name: string;
  readonly where: string;
  readonly problem: string;
}

async function list(session: Session) {
  const { world, user } = session.cli;
  const rows: Row[] = [];
  for (const file of [...(await namesIn(session))].sort()) {
    const name = file.slice(0, -'.json'.length);
    rows.push(
      await readContext(world.files, user, name).then(
        ({ address, state }) => ({ name, where: address ?? state ?? '', problem: '' }),
        (error: unknown) => ({
          name,
          where: '',
          problem: error instanceof Error ? error.message : String(error),
        }),
      ),
    );
  }
  session.show.table(
    COLUMNS,
    rows,
    (row) => row,
    'No contexts. `steward context set NAME --address …` keeps one.',
  );
  return undefined;
}

async function namesIn({ cli }: Session): Promise<readonly string[]> {
  const folder = contextFolder(cli.user);
  const { files } = cli.world;
  if ((await files.stat(folder)) === undefined) return [];
  return (await files.list(folder)).map((entry) => entry.name).filter((name) => name.endsWith('.json'));
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', value: ({ name }) => name, whole: true },
  { title: 'WHERE', value: ({ where }) => where, whole: true },
  { title: 'PROBLEM', value: ({ problem }) => problem },
];

async function set(session: Session, name: string) {
  const { cli, options, show } = session;
  const { address, tlsCa, tlsCert, tlsKey, tlsServerName: serverName } = options;
  const state = address === undefined ? options.state : undefined;
  if (address === undefined && state === undefined)
    throw new UsageError('say where it is: --address or --state');
  if (address !== undefined) parseAddress(address);
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together');
  }
  const { files } = cli.world;
  const absolute = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  const context = {
    ...{ address, state: absolute(state), serverName },
    ...{ tlsCa: absolute(tlsCa), tlsCert: absolute(tlsCert), tlsKey: absolute(tlsKey) },
  };
  const path = contextPath(cli.user, name);
  await files.makeDirectory(contextFolder(cli.user), 0o700);
  await replaceDurably(files, path, `${path}.tmp`, `${JSON.stringify(context, null, 2)}\n`);
  show.result({ context: name, file: path }, [`${name} is kept in ${path}; \`--context ${name}\` uses it.`]);
  return undefined;
}

async function remove(session: Session, name: string, isDryRun: boolean) {
  const { cli, show } = session;
  const path = contextPath(cli.user, name);
  const { files } = cli.world;
  if ((await files.stat(path)) === undefined) {
    throw new StewardError('invalid-argument', `there is no context ${plainText(name)}`);
  }
  if (!isDryRun) await files.remove(path);
  show.result({ context: name, file: path, dryRun: isDryRun }, [
    `${path} ${isDryRun ? 'would go' : 'is gone'}.`,
  ]);
  return undefined;
}
