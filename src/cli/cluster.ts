import { type Command, Option } from 'commander';
import { rowPhases } from '../../machines/phase-relation.js';
import { sleep } from '../gateways/clock.js';
import {
  BridgeServiceService,
  type ClusterLink,
  type InstanceRow,
  ListInstancesRequest,
} from '../gen/steward/v1/bridge.js';
import {
  type AdmissionConstraint,
  ClusterServiceService,
  type ClusterStatus,
} from '../gen/ws-manager-bridge-api/cluster-service.js';
import { createClient } from '../grpc/client.js';
import { DRAIN_LOOK_MS } from './bounds.js';
import { addRegister, addUpdate } from './cluster-settings.js';
import { EXIT } from './exit-code.js';
import { formatTime } from './format.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import type { Column } from './table.js';
import { clusterStateName } from './wire-names.js';

export function addCluster(program: Command, run: RunVerb): void {
  const group = program
    .command('cluster')
    .description('register, change and remove the clusters the bridge follows')
    .addHelpText('after', example('steward cluster list', 'steward cluster drain eu-1 --wait'));
  group
    .command('list')
    .description('show the registered ones, and how their managers are doing')
    .addHelpText('after', example('steward cluster list', 'steward cluster list --json'))
    .action((_options: object, command: Command) => run(command, list));
  addRegister(group, run);
  addUpdate(group, run);
  for (const [verb, cordoned, description] of [
    ['cordon', true, 'give it no new workspaces; those it has go on'],
    ['uncordon', false, 'give it new workspaces again, also after drain'],
  ] as const) {
    named(group, verb, description).action((name: string, _options: object, command: Command) =>
      run(command, (session) => cordon(session, name, cordoned)),
    );
  }
  named(group, 'drain', 'give it no new workspaces, for good, and tell which ones it still has')
    .option('--wait', 'until all of them have stopped by themselves')
    .addOption(dryRun())
    .option('--reason <text>', 'why, for the log')
    .action((name: string, options: DrainOptions, command: Command) =>
      run(command, (session) => drain(session, name, options)),
    );
  named(group, 'deregister', 'forget it; refused while an instance of it has not stopped')
    .option('--force', 'although instances remain; their rows are stopped once their grace is over')
    .addOption(dryRun())
    .action((name: string, options: DeregisterOptions, command: Command) =>
      run(command, (session) => deregister(session, name, options)),
    );
}

interface DrainOptions {
  readonly wait?: boolean;
  readonly dryRun?: boolean;
  readonly reason?: string;
}

interface DeregisterOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

function named(group: Command, verb: string, description: string): Command {
  return group
    .command(verb)
    .description(description)
    .argument('<cluster>', 'name of the cluster')
    .addHelpText('after', example(`steward cluster ${verb} eu-1`));
}

function dryRun(): Option {
  return new Option('--dry-run', 'only tell what is there');
}

interface Row {
  readonly status: ClusterStatus;
  /** Absent while the bridge does not follow it (yet). */
  readonly link: ClusterLink | undefined;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', value: ({ status }) => status.name, whole: true },
  { title: 'STATE', value: ({ status }) => clusterStateName(status.state) },
  { title: 'SCORE', value: ({ status }) => `${Math.min(status.score, status.maxScore)}`, align: 'right' },
  { title: 'REGION', value: ({ status }) => status.region },
  { title: 'STREAM', value: ({ link }) => streamOf(link) },
  { title: 'INSTANCES', value: ({ link }) => `${link?.instances ?? ''}`, align: 'right' },
  { title: 'FROM', value: ({ status }) => (status.static ? 'configuration' : 'database') },
  { title: 'URL', value: ({ status }) => status.url },
];

async function list(session: Session) {
  const channel = await session.channel('bridge');
  const { status } = await createClient(ClusterServiceService, channel).list({}, session.call);
  const bridge = createClient(BridgeServiceService, channel);
  const { links, unregisteredAlarm, limitsAlarm } = await bridge.listClusterLinks({}, session.call);
  const rows = status.map((one) => ({ status: one, link: links.find(({ name }) => name === one.name) }));
  session.show.table(COLUMNS, rows, toJson, 'No clusters. `steward cluster register` takes one up.');
  for (const { link } of rows)
    for (const alarm of link === undefined ? [] : alarmsOf(link)) session.show.note(alarm);
  if (unregisteredAlarm !== '')
    session.show.note(`${unregisteredAlarm} \`steward bridge resume --unregistered\` goes on.`);
  if (limitsAlarm !== '')
    session.show.note(`${limitsAlarm} \`steward bridge resume --time-limits\` goes on.`);
  return undefined;
}

function alarmsOf({ name, alarm, fallenInstances: fallen }: ClusterLink): string[] {
  const instances = fallen === 1 ? '1 instance' : `${fallen} instances`;
  return [
    ...(alarm === '' ? [] : [`${name} stands still: ${alarm} \`steward bridge resume ${name}\` goes on.`]),
    ...(fallen === 0
      ? []
      : [
          `${name}: versions of ${instances} fell below those of their rows, and what its manager says of them is refused. If it was reset, \`steward bridge reset-versions ${name}\` takes its word anew.`,
        ]),
  ];
}

function streamOf(link: ClusterLink | undefined): string {
  if (link === undefined) return 'not followed';
  if (link.alarm !== '') return 'alarm';
  return link.connected ? 'alive' : 'lost';
}

function toJson({ status, link }: Row): unknown {
  const { name, url, score, maxScore, governed, region } = status;
  return {
    ...{ name, url, state: clusterStateName(status.state), score, maxScore, governed, region },
    static: status.static,
    admissionConstraints: status.admissionConstraint.map(constraintName),
    connected: link?.connected ?? false,
    instances: link?.instances ?? 0,
    listed: link?.listedMs === undefined ? '' : formatTime(link.listedMs),
    lastUpdate: link?.heardMs === undefined ? '' : formatTime(link.heardMs),
    reconnects: link?.reconnects ?? 0,
    lastError: link?.lastError ?? '',
    alarm: link?.alarm ?? '',
    fallenInstances: link?.fallenInstances ?? 0,
  };
}

function constraintName({ constraint }: AdmissionConstraint): string {
  switch (constraint?.$case) {
    case 'hasPermission':
      return `has-permission:${constraint.value.permission}`;
    case 'hasFeaturePreview':
      return 'has-feature-preview';
    default:
      return 'unknown';
  }
}

async function cordon(session: Session, name: string, cordoned: boolean) {
  const client = createClient(ClusterServiceService, await session.channel('bridge'));
  await client.update({ name, property: { $case: 'cordoned', value: cordoned } }, session.call);
  const state = cordoned ? 'cordoned' : 'available';
  session.show.result({ cluster: name, state }, [
    cordoned ? `${name} gets no new workspaces.` : `${name} gets new workspaces again.`,
  ]);
  return undefined;
}

async function drain(session: Session, name: string, options: DrainOptions) {
  const { cli, show } = session;
  const client = createClient(BridgeServiceService, await session.channel('bridge'));
  if (options.dryRun !== true) {
    await client.drainCluster(
      { name, reason: options.reason ?? `${cli.userName} asked for it` },
      session.call,
    );
  }
  let left = await openInstances(session, name);
  while (options.wait === true && options.dryRun !== true && left.length > 0) {
    show.live(`${left.length} instances of ${name} have not stopped`);
    await sleep(cli.world.clock, DRAIN_LOOK_MS, cli.interrupted).catch(() => undefined);
    if (cli.interrupted.aborted) return EXIT.interrupted;
    left = await openInstances(session, name);
  }
  const instances = left.map(({ instanceId }) => instanceId);
  const verb = options.dryRun === true ? 'would be' : 'is';
  show.result({ cluster: name, dryRun: options.dryRun === true, instances }, [
    `${name} ${verb} drained: ${remaining(instances)}.`,
    ...instances.map((id) => `  ${id}`),
  ]);
  return undefined;
}

async function deregister(
  session: Session,
  name: string,
  { force = false, dryRun: isDryRun = false }: DeregisterOptions,
) {
  const channel = await session.channel('bridge');
  const instances = isDryRun ? (await openInstances(session, name)).map(({ instanceId }) => instanceId) : [];
  if (!isDryRun) await createClient(ClusterServiceService, channel).deregister({ name, force }, session.call);
  session.show.result({ cluster: name, dryRun: isDryRun, instances }, [
    ...(isDryRun
      ? [
          `${name} would ${instances.length > 0 && !force ? 'not be' : 'be'} removed: ${remaining(instances)}.`,
        ]
      : [`${name} is not registered any more.`]),
    ...instances.map((id) => `  ${id}`),
  ]);
  return undefined;
}

function remaining(instances: readonly string[]): string {
  if (instances.length === 0) return 'no instance of it is left';
  return instances.length === 1
    ? '1 instance has not stopped'
    : `${instances.length} instances have not stopped`;
}

/** Rows of the cluster that are not stopped. */
async function openInstances(session: Session, region: string): Promise<readonly InstanceRow[]> {
  const client = createClient(BridgeServiceService, await session.channel('bridge'));
  const phases = rowPhases.filter((phase) => phase !== 'stopped');
  const found: InstanceRow[] = [];
  for (let pageToken = ''; ; ) {
    const page = await client.listInstances(
      ListInstancesRequest.fromPartial({ phases: [...phases], pageToken, region }),
      session.call,
    );
    found.push(...page.instances);
    if (page.nextPageToken === '') return found;
    pageToken = page.nextPageToken;
  }
}
