import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Database } from '../database/database.js';
import type { InProcessBus } from '../events/in-process-bus.js';
import type { World } from '../gateways/world.js';
import { BridgeServiceService } from '../gen/steward/v1/bridge.js';
import { SupervisionServiceService } from '../gen/steward/v1/supervision.js';
import { SystemServiceService } from '../gen/steward/v1/system.js';
import { ClusterServiceService } from '../gen/ws-manager-bridge-api/cluster-service.js';
import { createGrpcServer, type GrpcServer } from '../grpc/server.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { supervisionHandlers } from '../telemetry/supervision-service.js';
import { type ProgramInfo, systemHandlers } from '../telemetry/system-service.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import type { BridgeConfig } from './config.js';
import type { Following } from './follow-clusters.js';
import type { BridgeReadiness } from './readiness.js';
import { bridgeHandlers } from './rpc/bridge-service.js';
import { clusterHandlers } from './rpc/cluster-service.js';

export interface ServerParts {
  readonly config: BridgeConfig;
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly database: Database;
  readonly bus: InProcessBus;
  readonly adoptsInstances: boolean;
  readonly following: Following;
  readonly readiness: BridgeReadiness;
  readonly root: () => Supervisor;
  readonly info: () => ProgramInfo;
  readonly tracer: Tracer | undefined;
}

/** All services of the bridge. */
export function createBridgeServer(parts: ServerParts): GrpcServer {
  const { config, world, logger, registry, database, bus, following, readiness, tracer } = parts;
  const { adoptsInstances } = parts;
  const { listen, insecure, tls } = config;
  const secured = tls === undefined ? { tracer } : { tls, tracer };
  const server = createGrpcServer({ addresses: listen, insecure, world, logger, registry, ...secured });
  server.addService(
    BridgeServiceService,
    bridgeHandlers({
      ...{ database, bus, adoptsInstances },
      clusters: following.fleet,
      registry: following.registry,
      writing: following.writing,
      rowLoops: following.rowLoops,
    }),
  );
  server.addService(ClusterServiceService, clusterHandlers(following));
  server.addService(SupervisionServiceService, supervisionHandlers(parts.root));
  server.addService(
    SystemServiceService,
    systemHandlers(parts.info, async () => readiness.conditions()),
  );
  return server;
}
