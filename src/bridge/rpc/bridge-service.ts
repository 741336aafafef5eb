import type { Database } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type { InProcessBus } from '../../events/in-process-bus.js';
import type { BridgeServiceService, ClusterLink, WatchEventsRequest } from '../../gen/steward/v1/bridge.js';
import type { Handlers } from '../../grpc/service-types.js';
import { optionalText, requiredText } from '../../grpc/validation.js';
import type { Alarm } from '../cluster/alarm.js';
import type { ClusterLink as Link } from '../cluster/cluster-link.js';
import type { ClusterFleet } from '../clusters/fleet.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { Writing } from '../clusters/writing.js';
import { listContentStates } from './list-content-states.js';
import { listInstances } from './list-instances.js';

export interface BridgeServiceOptions {
  readonly database: Database;
  readonly bus: InProcessBus;
  readonly clusters: Pick<ClusterFleet, 'links' | 'find'>;
  readonly registry: Pick<ClusterRegistry, 'drain'>;
  readonly writing: Pick<Writing, 'refusal'>;
  /** The loop over rows whose cluster is not registered. */
  readonly unregistered: { readonly alarm: Alarm; resume(): void };
}

/** `steward.v1.BridgeService`: what the database says, and how the bridge is doing. */
export function bridgeHandlers(options: BridgeServiceOptions): Handlers<typeof BridgeServiceService> {
  const { database, bus, clusters, unregistered } = options;
  return {
    listInstances: (request) => listInstances(database, request),
    listContentStates: (request) => listContentStates(database, request),
    watchEvents: (request, call) => watchEvents(bus, request, call.signal),
    listClusterLinks: async () => ({
      links: clusters.links.map(linkOf),
      unregisteredAlarm: unregistered.alarm.raised?.reason ?? '',
    }),
    resume: async ({ cluster: name, reason: why }, { logger }) => {
      const reason = requiredText(why, 'reason');
      // The loops of a bridge that stands by stand by, too.
      const refusal = options.writing.refusal();
      if (refusal !== undefined) throw refusal;
      const cluster = name === '' ? undefined : clusters.find(name);
      if (name !== '' && cluster === undefined) {
        throw new StewardError(
          'unknown-cluster',
          `cluster "${optionalText(name, 'cluster')}" is not registered`,
        );
      }
      (cluster ?? unregistered).resume();
      logger.warn({ cluster: name, reason }, 'a control loop was resumed');
      return { link: cluster && linkOf(cluster.link) };
    },
    drainCluster: async ({ name, reason: why }, { logger }) => {
      const reason = optionalText(why, 'reason');
      await options.registry.drain(name);
      logger.info({ cluster: name, reason }, 'a cluster is drained');
      return {};
    },
  };
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
  };
}
