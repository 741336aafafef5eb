import { type Command, Option } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import { PortState, RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { PortProtocol, PortVisibility, WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient, type ServiceClient } from '../grpc/client.js';
import { idArgument, portArgument } from './arguments.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { asObject } from './status-json.js';
import type { Column } from './table.js';
import { UsageError } from './usage-error.js';
import { portProtocolName, portVisibilityName } from './wire-names.js';

interface PortsOptions {
  readonly expose?: readonly number[];
  readonly hide?: readonly number[];
  readonly public?: boolean;
  readonly https?: boolean;
  readonly token?: boolean;
  readonly url?: readonly number[];
}

export function addPorts(program: Command, run: RunVerb): void {
  program
    .command('ports')
    .description('show where the ports of an instance are reached; expose or hide some')
    .argument('<instance>', 'instance id', idArgument)
    .addOption(new Option('--expose <port...>', 'make it reachable').argParser(portArgument))
    .addOption(new Option('--hide <port...>', 'take it back').argParser(portArgument))
    .option('--public', 'with --expose: for everybody; else it needs the token of the owner')
    .option('--https', 'with --expose: what listens there speaks TLS itself')
    .addOption(
      new Option('--url <port>', 'print where this port is reached and nothing else').argParser(portArgument),
    )
    .option('--token', 'print the token of the owner and nothing else: who has it gets through private ports')
    .addHelpText(
      'after',
      example(
        'steward ports 0b5c…',
        'steward ports 0b5c… --expose 8080 --public',
        'steward ports 0b5c… --hide 8080',
      ),
    )
    .action((id: string, options: PortsOptions, command: Command) =>
      run(command, (session) => ports(session, id, options)),
    );
}

async function ports(session: Session, id: string, options: PortsOptions) {
  const { expose = [], hide = [] } = options;
  if (expose.length === 0 && (options.public === true || options.https === true)) {
    throw new UsageError('--public and --https say how to --expose a port');
  }
  const manager = await session.channel('manager');
  const workspaces = createClient(WorkspaceManagerService, manager);
  if (options.token === true) return tellToken(session, workspaces, id);
  for (const port of expose) {
    const visibility =
      options.public === true
        ? PortVisibility.PORT_VISIBILITY_PUBLIC
        : PortVisibility.PORT_VISIBILITY_PRIVATE;
    const protocol =
      options.https === true ? PortProtocol.PORT_PROTOCOL_HTTPS : PortProtocol.PORT_PROTOCOL_HTTP;
    await workspaces.controlPort(
      { id, expose: true, spec: { port, visibility, protocol, url: '' } },
      session.call,
    );
  }
  for (const port of hide) {
    const spec = { port, visibility: 0, protocol: 0, url: '' } as const;
    await workspaces.controlPort({ id, expose: false, spec }, session.call);
  }
  const found = await createClient(RuntimeServiceService, manager).listPorts(
    { instanceId: id },
    session.call,
  );
  const [wanted] = options.url ?? [];
  if (wanted !== undefined) return tellUrl(session, id, wanted, found.ports);
  session.show.table(
    COLUMNS,
    found.ports,
    (port) => ({ instance: id, ...asObject(PortState.toJSON(port)) }),
    `No port of it is exposed. \`steward ports ${id} --expose 8080\` exposes one.`,
  );
  return undefined;
}

function tellUrl({ show }: Session, id: string, wanted: number, found: readonly PortState[]): undefined {
  const port = found.find((one) => one.port === wanted);
  if (port === undefined) throw new UsageError(`port ${wanted} is not exposed; --expose does that`);
  if (port.url === '')
    throw new StewardError('unavailable', `port ${wanted} is not reached: ${port.problem}`);
  show.result({ instance: id, port: wanted, url: port.url }, [port.url]);
}

/** The one place where the command shows it, because somebody asks for nothing else. */
async function tellToken(session: Session, workspaces: ServiceClient<WorkspaceManagerService>, id: string) {
  const { status } = await workspaces.describeWorkspace({ id }, session.call);
  const token = status?.auth?.ownerToken ?? '';
  session.show.result({ instance: id, ownerToken: token }, [token]);
  return undefined;
}

const COLUMNS: readonly Column<PortState>[] = [
  { title: 'PORT', value: ({ port }) => String(port), align: 'right', whole: true },
  { title: 'FOR', value: ({ visibility }) => portVisibilityName(visibility), whole: true },
  { title: 'SPEAKS', value: ({ protocol }) => portProtocolName(protocol), whole: true },
  { title: 'SERVED', value: ({ served }) => (served ? 'yes' : 'no'), whole: true },
  { title: 'REACHED AT', value: ({ url, forwardedFrom }) => url || forwardedFrom, whole: true },
  { title: 'OPEN', value: ({ connections }) => String(connections), align: 'right', whole: true },
  { title: 'PROBLEM', value: ({ problem }) => problem },
];
