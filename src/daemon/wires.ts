import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ArchivePlace } from '../content/archive-objects.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { SupervisionServiceService } from '../gen/steward/v1/supervision.js';
import { SystemServiceService } from '../gen/steward/v1/system.js';
import { WorkspaceContentServiceService } from '../gen/ws-daemon-api/daemon.js';
import { createGrpcServer, type GrpcServer } from '../grpc/server.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { supervisionHandlers } from '../telemetry/supervision-service.js';
import { systemHandlers } from '../telemetry/system-service.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import type { WorkingArea } from './area.js';
import type { DaemonConfig } from './config.js';
import type { ContentCore } from './core.js';
import type { DiskGuard } from './disk-guard.js';
import type { Drills } from './drills/drills.js';
import type { Readiness } from './readiness.js';
import { contentServiceHandlers } from './rpc/content-service.js';
import { STEWARD_CONTENT_OPTIONS, stewardContentHandlers } from './rpc/steward/content.js';

export interface WiresOptions {
  readonly config: DaemonConfig;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly version: string;
  readonly place: ArchivePlace;
  readonly area: WorkingArea;
  readonly core: ContentCore;
  readonly drills: Drills;
  readonly disk: DiskGuard;
  readonly readiness: Readiness;
  readonly root: () => Supervisor;
  readonly startedAt: number;
  /** Makes spans of the calls it serves; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

/** How others reach a daemon: gRPC, and plain HTTP for health and metrics where that is configured. */
export class Wires {
  readonly #options: WiresOptions;
  readonly #server: GrpcServer;
  #addresses: readonly string[] = [];
  #http: HealthServer | undefined;

  constructor(options: WiresOptions) {
    this.#options = options;
    this.#server = this.#createServer();
  }

  /** Where it serves gRPC. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    this.#addresses = await this.#server.start();
    this.#http = await this.#serveHealth();
  }

  setServing(isReady: boolean): void {
    this.#server.setServing(isReady);
  }

  /** Whoever asks is told to look elsewhere; calls under way go on. */
  async close(): Promise<void> {
    await this.#http?.close();
    this.#server.setServing(false);
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  #createServer(): GrpcServer {
    const { config, core, place, area, drills, disk, root, readiness, logger, registry, tracer } =
      this.#options;
    const { world } = place;
    const { listen, insecure, tls, node } = config;
    const server = createGrpcServer({
      addresses: listen,
      ...{ insecure, world, logger, registry, tracer },
      ...(tls === undefined ? {} : { tls }),
    });
    server.addService(
      WorkspaceContentServiceService,
      contentServiceHandlers(core.instances, world.clock, core.snapshotNames),
      { timeoutMs: 'unlimited' },
    );
    const restoreFolder = config.restoreFolder ?? area.restored;
    server.addService(
      ContentServiceService,
      stewardContentHandlers({ core, node, place, area, restoreFolder, drills, room: disk }),
      STEWARD_CONTENT_OPTIONS,
    );
    server.addService(SupervisionServiceService, supervisionHandlers(root));
    server.addService(
      SystemServiceService,
      systemHandlers(
        () => this.#info(),
        () => readiness.conditions(),
      ),
    );
    return server;
  }

  async #serveHealth(): Promise<HealthServer | undefined> {
    const { config, registry, place, readiness } = this.#options;
    if (config.http === undefined) return undefined;
    return startHealthServer({
      ...config.http,
      registry,
      clock: place.world.clock,
      conditions: () => readiness.conditions(),
    });
  }

  #info() {
    const { config, version, startedAt } = this.#options;
    return {
      program: 'daemon',
      version,
      pid: BigInt(process.pid),
      startedMs: BigInt(startedAt),
      stateFolder: config.stateFolder,
      node: config.node,
      addresses: [...this.#addresses],
    };
  }
}
