import type { Clock } from '../../gateways/clock.js';
import { ContentServiceService } from '../../gen/steward/v1/content_service.js';
import { createClient } from '../../grpc/client.js';
import type { ContentClient } from '../contents/content-feed.js';
import { type ChannelObserver, openManagerChannel } from './manager-channel.js';
import { BridgedManagerService, type ManagerClient } from './manager-service.js';
import type { ClusterConnection } from './workspace-cluster.js';

/** A way to one manager, over which any number of calls go; whoever makes it closes it. */
export interface ManagerConnection {
  readonly workspaces: Pick<ManagerClient, 'subscribe' | 'getWorkspaces' | 'describeCluster'>;
  readonly contents: ContentClient;
  /** Running calls end as cancelled. */
  close(): void;
}

/** The gateway to all managers. Throws `invalid-argument` for settings that nobody can use. */
export type ConnectManager = (connection: ClusterConnection) => ManagerConnection;

/** The one that reaches them over gRPC; `observer` sees the calls. */
export function connectOverGrpc(clock: Clock, observer: ChannelObserver = {}): ConnectManager {
  return (connection) => {
    const channel = openManagerChannel(connection, clock, observer);
    return {
      workspaces: createClient(BridgedManagerService, channel),
      contents: createClient(ContentServiceService, channel),
      close: () => channel.close(),
    };
  };
}
