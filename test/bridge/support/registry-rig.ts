import { onTestFinished } from 'vitest';
import { findClusters } from '../../../src/bridge/clusters/cluster-rows.js';
import { describeOver } from '../../../src/bridge/clusters/describe-cluster.js';
import { connectOverGrpc } from '../../../src/bridge/clusters/manager-connection.js';
import { ClusterRegistry } from '../../../src/bridge/clusters/registry.js';
import { ClusterSources, staticSource, tableSource } from '../../../src/bridge/clusters/sources.js';
import type { WorkspaceCluster } from '../../../src/bridge/clusters/workspace-cluster.js';
import type { Writing } from '../../../src/bridge/clusters/writing.js';
import { clusterHandlers } from '../../../src/bridge/rpc/cluster-service.js';
import type { Database } from '../../../src/database/database.js';
import type { StewardError } from '../../../src/errors/steward-error.js';
import {
  ClusterServiceService,
  RegisterRequest,
} from '../../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createClient } from '../../../src/grpc/client.js';
import { startServer, world } from '../../grpc/running-server.js';
import { clusterNamed } from './clusters.js';
import { openMigrated } from './pipeline-harness.js';

/** A database of the bridge, and the right to write to it until a test takes it away. */
export async function databaseWithWriting(): Promise<{
  database: Database;
  writing: Writing;
  refuse: (error: StewardError) => void;
}> {
  const database = await openMigrated();
  onTestFinished(() => database.close());
  let refusal: StewardError | undefined;
  const writing: Writing = { write: (work) => database.write(work), refusal: () => refusal };
  const refuse = (error: StewardError) => {
    refusal = error;
  };
  return { database, writing, refuse };
}

/** ClusterService over real gRPC, with `statics` in its configuration. */
export async function startRegistry(statics: readonly WorkspaceCluster[] = []) {
  const { database, writing, refuse } = await databaseWithWriting();
  let changes = 0;
  const read = async () => statics;
  const registry = new ClusterRegistry({
    ...{ database, writing, statics: read },
    describe: (connection, signal) => describeOver(connectOverGrpc(world.clock), connection, signal),
    onChanged: () => {
      changes += 1;
    },
  });
  const sources = new ClusterSources([staticSource(read), tableSource(database)]);
  const { connect, log } = await startServer((server) =>
    server.addService(ClusterServiceService, clusterHandlers({ registry, sources })),
  );
  return {
    ...{ database, registry, refuse, log },
    client: createClient(ClusterServiceService, connect()),
    rows: () => database.read((connection) => findClusters(connection)),
    changes: () => changes,
  };
}

/** A registration that a manager on this machine may get without certificates. */
export function registration(name: string, url: string, but: Partial<RegisterRequest> = {}): RegisterRequest {
  return { ...RegisterRequest.fromPartial({ name, url, tls: {} }), ...but };
}

export function staticCluster(name: string, url = `${name}.example:1`): WorkspaceCluster {
  return clusterNamed(name, { url, isStatic: true });
}
