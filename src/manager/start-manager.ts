import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { World } from '../gateways/world.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { ManagerServiceService } from '../gen/steward/v1/manager_service.js';
import { RuntimeServiceService } from '../gen/steward/v1/runtime.js';
import { SupervisionServiceService } from '../gen/steward/v1/supervision.js';
import { SystemServiceService } from '../gen/steward/v1/system.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../grpc/channel.js';
import { createGrpcServer } from '../grpc/server.js';
import { LocalRuntime } from '../runtime/local/local-runtime.js';
import type { WorkspaceRuntime } from '../runtime/workspace-runtime.js';
import type { SupervisorNode } from '../supervision/tree.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { systemHandlers } from '../telemetry/system-service.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import type { ManagerConfig } from './config.js';
import { type ManagerCore, startCore } from './core.js';
import { contentDaemonAt } from './daemon-client.js';
import { DaemonLink } from './daemon-link.js';
import { openPorts } from './open-ports.js';
import { runtimeHandlers } from './rpc/runtime-service.js';
import { CONTENT_CALL_OPTIONS, contentHandlers } from './rpc/steward/content.js';
import { managerHandlers } from './rpc/steward/manager.js';
import { supervisionOf } from './rpc/steward/supervision.js';
import { workspaceManager } from './rpc/workspace-manager.js';
import { LiveKeys } from './runtime-keys.js';
import type { PortForwarding } from './runtime-ports.js';

export interface ManagerOptions {
  readonly world: World;
  readonly logger: Logger;
  /** For the manager's metrics; its own, never the global one. */
  readonly registry: Registry;
  readonly version: string;
  /** Makes spans of the calls it serves; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

export interface RunningManager {
  /** Where it serves gRPC. */
  readonly addresses: readonly string[];
  /** Resolves when its daemon has answered for the first time; never rejects. */
  readonly ready: Promise<void>;
  tree(): SupervisorNode;
  /** Takes nothing new and lets go; the workspaces run on. May be called again. */
  stop(): Promise<void>;
}

/**
 * Takes up every recorded instance and serves gRPC. Throws `invalid-config` or `address-in-use`; then nothing is
 * left running of it.
 */
export async function startManager(config: ManagerConfig, options: ManagerOptions): Promise<RunningManager> {
  const { world, logger, registry } = options;
  const channel = createChannel(config.daemonAddress, { clock: world.clock });
  const daemon = contentDaemonAt(channel);
  const runtime = new LocalRuntime(world, {
    runs: join(config.stateFolder, 'runs'),
    logs: join(config.stateFolder, 'logs'),
    owner: config.owner,
  });
  const giveUp = (error: unknown): never => {
    channel.close();
    throw error;
  };
  const ports = await openPorts(config, world, logger, runtime).catch(giveUp);
  const keys = new LiveKeys(runtime, logger);
  const core = await startCore({ config, world, logger, registry, daemon, runtime, ports, keys }).catch(
    giveUp,
  );
  const known = core.instances.ids();
  for (const id of known) ports.apply(core.instances.get(id));
  await ports.forgetOthers(new Set(known)).catch((error: unknown) => {
    logger.warn({ err: error }, 'host ports of unknown instances could not be given back');
  });
  const link = new DaemonLink(channel, world.clock);
  const server = serverOf(config, options, { core, channel, runtime, ports, link });
  let addresses: readonly string[];
  let health: HealthServer | undefined;
  try {
    addresses = await server.start();
    health = await serveHealth(config, options, link);
  } catch (error) {
    await server.stop();
    await core.stop();
    await ports.close();
    channel.close();
    throw error;
  }
  link.watch((reachable) => server.setServing(reachable));
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    link.stop();
    await health?.close();
    await server.stop();
    await core.stop();
    await ports.close();
    channel.close();
  };
  return {
    addresses,
    ready: link.reached,
    tree: () => core.supervisor.tree(),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

interface Served {
  readonly core: ManagerCore;
  readonly channel: Channel;
  readonly runtime: WorkspaceRuntime;
  readonly ports: PortForwarding;
  readonly link: DaemonLink;
}

function serverOf(
  config: ManagerConfig,
  options: ManagerOptions,
  { core, channel, runtime, ports, link }: Served,
) {
  const { world, logger, registry, version, tracer } = options;
  const { listen, insecure, stateFolder, nodeName, tls } = config;
  const startedMs = BigInt(world.clock.now());
  const secured = tls === undefined ? { tracer } : { tls, tracer };
  const server = createGrpcServer({ addresses: listen, insecure, world, logger, registry, ...secured });
  const { instances, feed, maintenance, supervisor } = core;
  const daemon = contentDaemonAt(channel);
  server.addService(
    WorkspaceManagerService,
    workspaceManager({ config, world, instances, feed, maintenance, ports, daemon }),
    {
      // As long as the archive takes; the caller's own deadline bounds them.
      methods: { takeSnapshot: { timeoutMs: 'unlimited' }, backupWorkspace: { timeoutMs: 'unlimited' } },
    },
  );
  server.addService(ContentServiceService, contentHandlers(channel, world, core), CONTENT_CALL_OPTIONS);
  server.addService(ManagerServiceService, managerHandlers(core, world.clock));
  const runtimeParts = { clock: world.clock, instances, runtime, ports };
  server.addService(RuntimeServiceService, runtimeHandlers(runtimeParts), {
    // A shell in every workspace is more than other local users, and the programs of workspaces, may have.
    methods: { exec: { callers: 'authenticated' } },
  });
  server.addService(SupervisionServiceService, supervisionOf(supervisor, channel, nodeName));
  const info = () => ({
    program: 'manager',
    version,
    pid: BigInt(process.pid),
    startedMs,
    stateFolder,
    node: nodeName,
    addresses: [...listen],
  });
  server.addService(
    SystemServiceService,
    systemHandlers(info, async () => [link.condition()]),
  );
  return server;
}

async function serveHealth(config: ManagerConfig, options: ManagerOptions, link: DaemonLink) {
  if (config.http === undefined) return undefined;
  const { registry, world } = options;
  const conditions = async () => [link.condition()];
  return startHealthServer({ ...config.http, registry, clock: world.clock, conditions });
}
