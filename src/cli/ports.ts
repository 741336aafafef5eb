import { type Command, Option } from 'commander';
import { PortState, RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { PortProtocol, PortVisibility, WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { createClient } from '../grpc/client.js';
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
  session.show.table(
    COLUMNS,
    found.ports,
    (port) => ({ instance: id, ...asObject(PortState.toJSON(port)) }),
    `No port of it is exposed. \`steward ports ${id} --expose 8080\` exposes one.`,
  );
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
