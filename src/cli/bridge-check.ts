import { type Command, Option } from 'commander';
import { rowPhases } from '../../machines/phase-relation.js';
import { sleep } from '../gateways/clock.js';
import { BridgeServiceService, type InstanceRow, ListInstancesRequest } from '../gen/steward/v1/bridge.js';
import { WorkspaceManagerService, WorkspacePhase, type WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../grpc/channel.js';
import { createClient, type ServiceClient } from '../grpc/client.js';
import { limitArgument } from './arguments.js';
import { CHECK_IDS_MAX, CHECK_PAUSE_MS, CHECK_WITHIN_MS } from './bounds.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { phaseName } from './wire-names.js';

/** A row that is not as its manager says, or that says impossible things. */
interface Finding {
  readonly instance: string;
  readonly what: string;
}

interface CheckOptions {
  readonly manager?: string;
  readonly within: number;
}

interface Looked {
  readonly findings: readonly Finding[];
  /** That are open, or of instances that the manager knows. */
  readonly rows: number;
  readonly instances: number;
  /** Known to the manager, without a row of the cluster, where others make the rows: that may well be right. */
  readonly withoutRow: number;
  /** Of which the manager's word is refused, for its versions fell. */
  readonly fallen: number;
}

export function addBridgeCheck(bridge: Command, run: RunVerb): void {
  bridge
    .command('check')
    .description('compare every row of a cluster with what its manager says now')
    .argument('[cluster]', 'name of the cluster', 'local')
    .option('--manager <address>', 'its manager, where that is not the local one: unix:/path or host:port')
    .addOption(
      new Option('--within <duration>', 'how long a row may lag behind')
        .argParser(limitArgument)
        .default(CHECK_WITHIN_MS, '10s'),
    )
    .addHelpText('after', example('steward bridge check', 'steward bridge check eu-1 --json'))
    .action((cluster: string, { manager, within }: CheckOptions, command: Command) =>
      run(command, (session) =>
        withManager(session, manager, (channel) => check(session, cluster, channel, within)),
      ),
    );
}

async function withManager<Result>(
  session: Session,
  address: string | undefined,
  work: (channel: Channel) => Promise<Result>,
): Promise<Result> {
  if (address === undefined) return work(await session.channel('manager'));
  const channel = createChannel(address, { clock: session.cli.world.clock });
  try {
    return await work(channel);
  } finally {
    channel.close();
  }
}

/** Rows follow what their manager says within moments, so what differs is looked at again for a while. */
async function check(
  session: Session,
  cluster: string,
  manager: Channel,
  withinMs: number,
): Promise<ExitCode | undefined> {
  const { clock } = session.cli.world;
  const until = clock.monotonic() + withinMs;
  let looked = await look(session, cluster, manager);
  while (looked.findings.length > 0 && clock.monotonic() < until) {
    await sleep(clock, CHECK_PAUSE_MS, session.cli.interrupted);
    looked = await look(session, cluster, manager);
  }
  const { findings, rows, instances, withoutRow, fallen } = looked;
  if (withoutRow > 0) {
    session.show.note(
      `Of the instances its manager knows ${withoutRow} have no row of ${cluster}; other programs make the rows here, and have none for what is not theirs.`,
    );
  }
  if (findings.length === 0) {
    session.show.result({ cluster, right: true, rows, instances, withoutRow }, [
      `Every row of ${cluster} is right: ${rows} rows, ${instances} instances known to its manager.`,
    ]);
    return undefined;
  }
  session.show.table(
    [
      { title: 'INSTANCE', value: ({ instance }) => instance, whole: true },
      { title: 'WRONG', value: ({ what }) => what },
    ],
    findings,
    (finding) => finding,
    '',
  );
  if (fallen > 0) {
    const instances = fallen === 1 ? '1 instance' : `${fallen} instances`;
    session.show.note(
      `What the manager of ${cluster} says of ${instances} is refused: its versions are below those of the rows. If it was reset, \`steward bridge reset-versions ${cluster}\` takes its word anew.`,
    );
  }
  return EXIT.failure;
}

async function look(session: Session, cluster: string, manager: Channel): Promise<Looked> {
  const client = createClient(WorkspaceManagerService, manager);
  const { status: statuses } = await client.getWorkspaces({ mustMatch: undefined }, session.call);
  const known = new Map(statuses.map((status) => [status.id, status]));
  const bridge = createClient(BridgeServiceService, await session.channel('bridge'));
  const { adoptsInstances } = await bridge.listClusterLinks({}, session.call);
  const stored = await readRows(bridge, session, cluster, [...known.keys()]);
  const rows = [...stored.values()].filter(({ region }) => region === cluster);
  const missing = statuses.flatMap(({ id }) => {
    const row = stored.get(id);
    if (row?.region === cluster) return [];
    const what = row === undefined ? 'it has no row' : `its row is of cluster "${row.region}"`;
    return [{ instance: id, what: `its manager knows it, and ${what}` }];
  });
  return {
    findings: [
      ...rows.flatMap((row) => wrongIn(row, known.get(row.instanceId))),
      ...(adoptsInstances ? missing : []),
    ],
    rows: rows.length,
    instances: statuses.length,
    withoutRow: adoptsInstances ? 0 : missing.length,
    fallen: rows.filter((row) => isRefused(row, known.get(row.instanceId))).length,
  };
}

type BridgeClient = Pick<ServiceClient<typeof BridgeServiceService>, 'listInstances'>;

/** The open rows of a cluster, and those of `instances`, whosever they are: not all that have ever been. */
async function readRows(
  client: BridgeClient,
  session: Session,
  region: string,
  instances: readonly string[],
): Promise<ReadonlyMap<string, InstanceRow>> {
  const rows = new Map<string, InstanceRow>();
  const read = async (filter: Partial<ListInstancesRequest>) => {
    let pageToken = '';
    do {
      const page = await client.listInstances(
        ListInstancesRequest.fromPartial({ ...filter, pageToken }),
        session.call,
      );
      for (const row of page.instances) rows.set(row.instanceId, row);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  };
  await read({ region, phases: ['', ...rowPhases.filter((phase) => phase !== 'stopped')] });
  const others = instances.filter((id) => !rows.has(id));
  for (let from = 0; from < others.length; from += CHECK_IDS_MAX) {
    await read({ instanceIds: others.slice(from, from + CHECK_IDS_MAX) });
  }
  return rows;
}

/** Whatever its manager says of it: it told a higher version before. */
function isRefused({ phase, version }: InstanceRow, status: WorkspaceStatus | undefined): boolean {
  return status !== undefined && phase !== 'stopped' && status.statusVersion < version;
}

function wrongIn(row: InstanceRow, status: WorkspaceStatus | undefined): Finding[] {
  const { instanceId: instance, phase, startedTime, stoppingTime, stoppedTime } = row;
  const wrong: string[] = [];
  const times = [startedTime, stoppingTime, stoppedTime].filter((time) => time !== '');
  if ([...times].sort().join() !== times.join()) wrong.push('its times are in no order');
  if ((phase === 'stopped') !== (stoppedTime !== ''))
    wrong.push(`it is ${phase}, stopped at "${stoppedTime}"`);
  if (status === undefined) {
    if (phase !== 'stopped') wrong.push(`it is ${phase}, and its manager does not know it`);
  } else {
    const told = phaseName(status.phase);
    const hasFallen = isRefused(row, status);
    // Of one that its manager knows nothing of, the row keeps its phase.
    if (phase !== told && status.phase !== WorkspacePhase.UNKNOWN)
      wrong.push(`it is ${phase}, and its manager says ${told}${hasFallen ? ', refused as older' : ''}`);
    else if (row.version !== status.statusVersion)
      wrong.push(`it has version ${row.version}, and its manager says ${status.statusVersion}`);
  }
  return wrong.map((what) => ({ instance, what }));
}
