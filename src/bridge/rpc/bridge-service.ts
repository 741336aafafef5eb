import type { Database } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type { InProcessBus } from '../../events/in-process-bus.js';
import type { BridgeServiceService, ClusterLink, WatchEventsRequest } from '../../gen/steward/v1/bridge.js';
import type { Handlers } from '../../grpc/service-types.js';
import { optionalText, requiredText } from '../../grpc/validation.js';
import { VERSION_RESET_NAMED_MAX } from '../bounds.js';
import type { ClusterLink as Link } from '../cluster/cluster-link.js';
import type { RowGuards } from '../cluster/row-loop.js';
import type { StopGuard } from '../cluster/stop-guard.js';
import type { ClusterFleet, Follower } from '../clusters/fleet.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { Writing } from '../clusters/writing.js';
import { listContentStates } from './list-content-states.js';
import { listInstances } from './list-instances.js';

export interface BridgeServiceOptions {
  readonly database: Database;
  readonly bus: InProcessBus;
  /** Whether instances without a row get one. */
  readonly adoptsInstances: boolean;
  readonly clusters: Pick<ClusterFleet, 'links' | 'find'>;
  readonly registry: Pick<ClusterRegistry, 'drain'>;
  readonly writing: Pick<Writing, 'refusal'>;
  /** The loops over rows of all clusters. */
  readonly rowLoops: Readonly<Record<keyof RowGuards, Pick<StopGuard, 'alarm' | 'resume'>>>;
}

/** `steward.v1.BridgeService`: what the database says, and how the bridge is doing. */
export function bridgeHandlers(options: BridgeServiceOptions): Handlers<typeof BridgeServiceService> {
  const { database, bus, clusters, rowLoops } = options;
  return {
    listInstances: (request) => listInstances(database, request),
    listContentStates: (request) => listContentStates(database, request),
    watchEvents: (request, call) => watchEvents(bus, request, call.signal),
    listClusterLinks: async () => ({
      links: clusters.links.map(linkOf),
      unregisteredAlarm: rowLoops.unregistered.alarm.raised?.reason ?? '',
      limitsAlarm: rowLoops.timeLimits.alarm.raised?.reason ?? '',
      adoptsInstances: options.adoptsInstances,
    }),
    resume: async ({ cluster: name, reason: why, timeLimits }, { logger }) => {
      const reason = requiredText(why, 'reason');
      // The loops of a bridge that stands by stand by, too.
      mayWrite(options);
      if (name !== '' && timeLimits)
        throw new StewardError('invalid-argument', 'time_limits goes with no cluster');
      const cluster = name === '' ? undefined : followed(options, name);
      const loop = cluster ?? (timeLimits ? rowLoops.timeLimits : rowLoops.unregistered);
      if (!loop.resume())
        throw new StewardError('nothing-to-resume', 'the control loop does not stand still');
      logger.warn({ cluster: name, timeLimits, reason }, 'a control loop was resumed');
      return { link: cluster && linkOf(cluster.link) };
    },
    resetVersions: async ({ cluster: name, reason: why, dryRun }, { logger, signal }) => {
      const reason = requiredText(why, 'reason');
      mayWrite(options);
      const instances = await followed(options, name).resetVersions(dryRun, signal);
      if (!dryRun) {
        logger.warn({ cluster: name, instances: instances.length, reason }, 'versions were reset');
      }
      return {
        instances: instances.length,
        instanceIds: instances.toSorted().slice(0, VERSION_RESET_NAMED_MAX),
      };
    },
    drainCluster: async ({ name, reason: why }, { logger }) => {
      const reason = optionalText(why, 'reason');
      await options.registry.drain(name);
      logger.info({ cluster: name, reason }, 'a cluster is drained');
      return {};
    },
  };
}

function mayWrite({ writing }: BridgeServiceOptions): void {
  const refusal = writing.refusal();
  if (refusal !== undefined) throw refusal;
}

function followed({ clusters }: BridgeServiceOptions, name: string): Follower {
  const cluster = clusters.find(name);
  if (cluster !== undefined) return cluster;
  throw new StewardError('unknown-cluster', `cluster "${optionalText(name, 'cluster')}" is not registered`);
}

async function* watchEvents(bus: InProcessBus, request: WatchEventsRequest, signal: AbortSignal) {
  for await (const event of bus.subscribe(signal)) {
    if (request.channels.length > 0 && !request.channels.includes(event.channel)) continue;
    if (request.instanceIds.length > 0 && !request.instanceIds.includes(event.key)) continue;
    yield {
      channel: event.channel,
      payloadJson: event.payload,
      sequence: BigInt(event.sequence),
      atMs: BigInt(event.at),
    };
  }
}

function linkOf(link: Link): ClusterLink {
  const alarm = link.alarm.raised;
  const fallen = link.fallenAlarm.raised;
  return {
    name: link.cluster.name,
    url: link.cluster.url,
    connected: link.connected,
    sinceMs: BigInt(link.since),
    listedMs: link.listedAt === undefined ? undefined : BigInt(link.listedAt),
    lastError: link.lastError,
    alarm: alarm?.reason ?? '',
    alarmSinceMs: alarm === undefined ? undefined : BigInt(alarm.since),
    instances: link.instances,
    heardMs: link.heardAt === undefined ? undefined : BigInt(link.heardAt),
    reconnects: link.reconnects,
    fallenInstances: link.fallen,
    fallenSinceMs: fallen === undefined ? undefined : BigInt(fallen.since),
  };
}
