import type { Database } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type { InProcessBus } from '../../events/in-process-bus.js';
import type { BridgeServiceService, ClusterLink, WatchEventsRequest } from '../../gen/steward/v1/bridge.js';
import type { Handlers } from '../../grpc/service-types.js';
import type { ClusterLink as Link } from '../cluster/cluster-link.js';
import type { ClusterFleet } from '../clusters/fleet.js';
import { type ContentSource, listContentStates } from './list-content-states.js';
import { listInstances } from './list-instances.js';

export interface BridgeServiceOptions {
  readonly database: Database;
  readonly bus: InProcessBus;
  readonly clusters: Pick<ClusterFleet, 'links' | 'find'>;
  /** Where the content states of the clusters come from. */
  readonly contents: () => readonly ContentSource[];
  readonly onResume: (cluster: string, reason: string) => void;
}

/** `steward.v1.BridgeService`: what the database says, and how the bridge is doing. */
export function bridgeHandlers(options: BridgeServiceOptions): Handlers<typeof BridgeServiceService> {
  const { database, bus, clusters } = options;
  return {
    listInstances: (request) => listInstances(database, request),
    listContentStates: (request, { signal }) => listContentStates(options.contents(), request, signal),
    watchEvents: (request, call) => watchEvents(bus, request, call.signal),
    listClusterLinks: async () => ({ links: clusters.links.map(linkOf) }),
    resume: async ({ cluster: name, reason }) => {
      if (reason === '')
        throw new StewardError('invalid-argument', 'reason: say why the control loop may go on.');
      const cluster = clusters.find(name);
      if (cluster === undefined)
        throw new StewardError('invalid-argument', `cluster: there is no cluster "${name}".`);
      cluster.resume();
      options.onResume(name, reason);
      return { link: linkOf(cluster.link) };
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
  return {
    name: link.cluster.name,
    url: link.cluster.url,
    connected: link.connected,
    sinceMs: BigInt(link.since),
    listedMs: link.listedAt === undefined ? undefined : BigInt(link.listedAt),
    lastError: link.lastError,
    alarm: link.alarm?.reason ?? '',
    alarmSinceMs: link.alarm === undefined ? undefined : BigInt(link.alarm.since),
    instances: link.instances,
  };
}
