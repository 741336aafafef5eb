import type { Database } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type { InProcessBus } from '../../events/in-process-bus.js';
import type { BridgeServiceService, ClusterLink, WatchEventsRequest } from '../../gen/steward/v1/bridge.js';
import type { Handlers } from '../../grpc/service-types.js';
import type { Cluster } from '../cluster/cluster.js';
import { type ContentSource, listContentStates } from './list-content-states.js';
import { listInstances } from './list-instances.js';

export interface BridgeServiceOptions {
  readonly database: Database;
  readonly bus: InProcessBus;
  readonly clusters: readonly Cluster[];
  /** Where the content states of the clusters come from. */
  readonly contents: readonly ContentSource[];
  readonly onResume: (cluster: string, reason: string) => void;
}

/** `steward.v1.BridgeService`: what the database says, and how the bridge is doing. */
export function bridgeHandlers(options: BridgeServiceOptions): Handlers<typeof BridgeServiceService> {
  const { database, bus, clusters } = options;
  return {
    listInstances: (request) => listInstances(database, request),
    listContentStates: (request, { signal }) => listContentStates(options.contents, request, signal),
    watchEvents: (request, call) => watchEvents(bus, request, call.signal),
    listClusterLinks: async () => ({
      links: clusters.map(linkOf).sort((a, b) => (a.name < b.name ? -1 : 1)),
    }),
    resume: async ({ cluster: name, reason }) => {
      if (reason === '')
        throw new StewardError('invalid-argument', 'reason: say why the control loop may go on.');
      const cluster = clusters.find((candidate) => candidate.link.cluster.name === name);
      if (cluster === undefined)
        throw new StewardError('invalid-argument', `cluster: there is no cluster "${name}".`);
      cluster.resume();
      options.onResume(name, reason);
      return { link: linkOf(cluster) };
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

function linkOf({ link }: Cluster): ClusterLink {
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
