import type { Logger } from 'pino';
import type { Database } from '../database/database.js';
import type { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { NORMAL } from '../supervision/exit.js';
import type { PlainChildSpec } from '../supervision/spec.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { Alarm } from './cluster/alarm.js';
import { Cluster } from './cluster/cluster.js';
import { type RowGuards, RowLoop } from './cluster/row-loop.js';
import { StopGuard } from './cluster/stop-guard.js';
import { describeOver } from './clusters/describe-cluster.js';
import { ClusterFleet } from './clusters/fleet.js';
import type { ConnectManager } from './clusters/manager-connection.js';
import { ClusterRegistry } from './clusters/registry.js';
import { ClusterSources, staticSource, tableSource } from './clusters/sources.js';
import { StaticClusters } from './clusters/static-clusters.js';
import type { ClusterConnection } from './clusters/workspace-cluster.js';
import type { Writing } from './clusters/writing.js';
import type { BridgeConfig } from './config.js';
import { pruneContents } from './contents/content-pruning.js';
import type { BridgeMetrics } from './metrics.js';
import type { InstanceMailboxes } from './pipeline/instance-mailboxes.js';

export interface FollowOptions {
  readonly config: BridgeConfig;
  readonly database: Database;
  readonly writing: Writing;
  readonly connect: ConnectManager;
  readonly mailboxes: InstanceMailboxes;
  readonly metrics: BridgeMetrics;
  readonly world: Pick<World, 'clock' | 'random' | 'files'>;
  readonly logger: Logger;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

/** Everything about clusters: where they come from, what follows them, and what looks after the rows of none. */
export interface Following {
  readonly sources: ClusterSources;
  readonly writing: Writing;
  readonly registry: ClusterRegistry;
  readonly fleet: ClusterFleet;
  readonly rowLoops: RowGuards;
  /** Its parts of the tree. */
  specs(): readonly PlainChildSpec[];
}

const MS_PER_SECOND = 1_000;

export function followClusters(options: FollowOptions): Following {
  const { config, database, world, writing, logger } = options;
  const configured = new StaticClusters({
    ...{ files: world.files, configured: config.clusters },
    onProblem: (cluster, err) => logger.error({ cluster, err }, 'the settings of a cluster cannot be read'),
  });
  const statics = () => configured.read();
  const sources = new ClusterSources([staticSource(statics), tableSource(database)]);
  const fleet = new ClusterFleet({
    sources,
    clock: world.clock,
    intervalMs: config.wsClusterDBReconcileIntervalSeconds * MS_PER_SECOND,
    logger,
    create: (link, { isMoved }) => new Cluster({ ...options, link, isMoved }),
  });
  const onChanged = () => {
    fleet
      .refresh()
      .catch((err: unknown) => logger.warn({ err }, 'a change of the clusters is taken up later'));
  };
  const describe = (connection: ClusterConnection, signal: AbortSignal) =>
    describeOver(options.connect, connection, signal);
  const registry = new ClusterRegistry({ database, writing, describe, statics, onChanged });
  const rowLoops = createGuards(options);
  const rowLoop = createRowLoop(options, fleet, rowLoops);
  const pruning = {
    ...{ writing, clock: world.clock, clusters: () => fleet.names },
    onFailed: (err: StewardError) => logger.warn({ err }, 'old states of actors could not be removed'),
  };
  return {
    ...{ sources, writing, registry, fleet, rowLoops },
    specs: () => [
      fleet.spec(),
      {
        kind: 'worker',
        name: 'row-loop',
        restart: 'permanent',
        start: ({ signal }) => ({ exit: rowLoop.run(signal).then(() => NORMAL) }),
      },
      {
        kind: 'worker',
        name: 'content-pruning',
        restart: 'permanent',
        start: ({ signal }) => ({ exit: pruneContents(pruning, signal).then(() => NORMAL) }),
      },
    ],
  };
}

function createGuards({ config, world, logger }: FollowOptions): RowGuards {
  const intervalMs = config.controllerIntervalSeconds * MS_PER_SECOND;
  const guard = (what: string) => {
    const onAlarm = (reason: string) => logger.error({ reason }, what);
    return new StopGuard(new Alarm(world.clock), config.stopShareMax, onAlarm, intervalMs);
  };
  return {
    unregistered: guard('rows of clusters that are not registered are left alone'),
    timeLimits: guard('rows that are over the limit of their phase are left alone'),
  };
}

function createRowLoop(
  { config, database, writing, world, mailboxes, logger, tracer }: FollowOptions,
  fleet: ClusterFleet,
  guards: RowGuards,
): RowLoop {
  const { timeouts, graceSeconds, installation, controllerIntervalSeconds } = config;
  return new RowLoop({
    database,
    writing,
    clock: world.clock,
    intervalMs: controllerIntervalSeconds * MS_PER_SECOND,
    ...{ timeouts, graceSeconds, installation, guards, tracer },
    clusters: () => fleet.names,
    requestStop: (stop, { instance, region, phase }) => {
      logger.warn({ instance, region, phase }, 'stopping a row no manager answers for');
      mailboxes.requestStop(stop);
    },
    onFailed: (err) => logger.warn({ err }, 'rows could not be looked at; trying again later'),
  });
}
