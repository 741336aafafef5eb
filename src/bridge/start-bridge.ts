import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { CALLERS_CONNECTIONS_MAX, CALLERS_WAITING_MAX } from '../database/bounds.js';
import type { Database } from '../database/database.js';
import { laneOf } from '../database/lane.js';
import type { ClosablePublisher, EventPublisher } from '../events/event-publisher.js';
import { InProcessBus } from '../events/in-process-bus.js';
import type { World } from '../gateways/world.js';
import { createClientMetrics } from '../grpc/metrics.js';
import type { GrpcServer } from '../grpc/server.js';
import type { SupervisorNode } from '../supervision/tree.js';
import { countedLogger } from '../telemetry/counted-logger.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { addNodeMetrics } from '../telemetry/metrics-registry.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { createBridgeServer } from './bridge-server.js';
import { connectOverGrpc } from './clusters/manager-connection.js';
import { type BridgeConfig, inOwnWords } from './config.js';
import { BridgeCore } from './core.js';
import type { BridgeEnvironment } from './environment.js';
import { lifecycleLog } from './lifecycle-log.js';
import { BridgeMetrics, registerGauges } from './metrics.js';
import { type OpenedDatabase, openDatabase } from './open-database.js';
import { openPublisher } from './open-publisher.js';
import { registerStorageGauges } from './storage-gauges.js';

export interface BridgeOptions {
  readonly world: World;
  readonly logger: Logger;
  /** For the bridge's metrics; its own, never the global one. */
  readonly registry: Registry;
  readonly version: string;
  /** Of the process: it names what the known system's environment does. */
  readonly env?: BridgeEnvironment;
  /** Where events go besides Redis and the listeners of WatchEvents. */
  readonly publisher?: EventPublisher;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

export interface RunningBridge {
  /** Where it serves gRPC. */
  readonly addresses: readonly string[];
  /** Resolves when the first complete list of every cluster is in the database; never rejects. */
  readonly ready: Promise<void>;
  tree(): SupervisorNode;
  /** Takes nothing new, writes and publishes what waits, closes. May be called again. */
  stop(): Promise<void>;
}

/** Calls and scrapes that read rows. */
const CALLERS_LANE = {
  of: 'what callers ask',
  concurrency: CALLERS_CONNECTIONS_MAX,
  waitingMax: CALLERS_WAITING_MAX,
};

/** Opens the database, gets its lease or stands by for it, follows all clusters and serves gRPC. */
export async function startBridge(said: BridgeConfig, given: BridgeOptions): Promise<RunningBridge> {
  const config = inOwnWords(said);
  const options = { ...given, logger: countedLogger(given.logger, given.registry) };
  const opened = await openDatabase(config, options.world, options.env ?? {});
  let redis: ClosablePublisher | undefined;
  try {
    redis = await openPublisher(config, options);
    const bridge = new Bridge(config, options, opened, redis);
    await bridge.start();
    return bridge;
  } catch (error) {
    redis?.close();
    await opened.database.close();
    throw error;
  }
}

class Bridge implements RunningBridge {
  readonly ready: Promise<void>;
  readonly #config: BridgeConfig;
  readonly #options: BridgeOptions;
  readonly #database: Database;
  readonly #forCallers: Database;
  readonly #bus = new InProcessBus();
  readonly #core: BridgeCore;
  readonly #redis: ClosablePublisher | undefined;
  readonly #server: GrpcServer;
  readonly #startedAt: number;
  #listed: (listed: Promise<void>) => void = () => undefined;
  #addresses: readonly string[] = [];
  #http: HealthServer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    config: BridgeConfig,
    options: BridgeOptions,
    opened: OpenedDatabase,
    redis: ClosablePublisher | undefined,
  ) {
    const { world, logger, registry, tracer } = options;
    this.#config = config;
    this.#options = options;
    this.#database = opened.database;
    this.#redis = redis;
    this.#startedAt = world.clock.now();
    this.#forCallers = laneOf(opened.database, CALLERS_LANE);
    this.#core = new BridgeCore({
      ...{ config, opened, world, logger, tracer },
      connect: connectOverGrpc(world.clock, { metrics: createClientMetrics(registry), tracer }),
      holder: `${hostname()}, pid ${process.pid}, ${world.random.uuid().slice(0, 8)}`,
      lifecycle: config.analytics === 'log' ? lifecycleLog(logger) : undefined,
      publishers: [redis, options.publisher, this.#bus].filter((publisher) => publisher !== undefined),
      metrics: new BridgeMetrics(registry),
    });
    const { keeper, pipeline, following } = this.#core;
    registerStorageGauges(registry, this.#forCallers, keeper, () => world.clock.now());
    registerGauges(registry, {
      links: () => following.fleet.links,
      rowLoops: following.rowLoops,
      outbox: this.#core.outboxAlarm,
      depth: () => pipeline.mailboxes.depth,
      oldestMs: () => pipeline.mailboxes.oldestMs,
      now: () => world.clock.now(),
    });
    this.ready = new Promise((resolve) => {
      this.#listed = resolve;
    });
    this.#server = this.#createServer(opened.adoptUnknownInstances);
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** When it fails, nothing of it goes on. */
  async start(): Promise<void> {
    try {
      await this.#core.start();
      this.#listed(this.#core.following.fleet.listed().then(() => this.#core.written()));
      this.#addresses = await this.#server.start();
      this.#http = await this.#serveHealth();
    } catch (error) {
      await this.#server.stop();
      await this.#core.abandon();
      throw error;
    }
    this.#core.readiness.watch((ready) => this.#server.setServing(ready));
  }

  tree(): SupervisorNode {
    return this.#core.root.tree();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#http?.close();
    this.#core.readiness.stop();
    this.#server.setServing(false);
    await this.#core.stop();
    await this.#server.stop();
    this.#redis?.close();
    await this.#database.close();
  }

  #createServer(adoptsInstances: boolean): GrpcServer {
    const { world, logger, registry, tracer } = this.#options;
    const { following, readiness } = this.#core;
    return createBridgeServer({
      ...{ config: this.#config, world, logger, registry, database: this.#forCallers, bus: this.#bus },
      ...{ following, readiness, tracer, adoptsInstances },
      root: () => this.#core.root,
      info: () => this.#info(),
    });
  }

  async #serveHealth(): Promise<HealthServer | undefined> {
    const { http } = this.#config;
    if (http === undefined) return undefined;
    const { registry, world } = this.#options;
    addNodeMetrics(registry);
    const conditions = async () => this.#core.readiness.conditions();
    return startHealthServer({ ...http, registry, clock: world.clock, conditions });
  }

  #info() {
    return {
      program: 'bridge',
      version: this.#options.version,
      pid: BigInt(process.pid),
      startedMs: BigInt(this.#startedAt),
      stateFolder: this.#config.stateFolder,
      node: '',
      addresses: [...this.#addresses],
    };
  }
}
