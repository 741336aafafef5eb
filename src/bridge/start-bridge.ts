import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Database } from '../database/database.js';
import { StewardError } from '../errors/steward-error.js';
import type { ClosablePublisher, EventPublisher } from '../events/event-publisher.js';
import { InProcessBus } from '../events/in-process-bus.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import type { GrpcServer } from '../grpc/server.js';
import { NORMAL } from '../supervision/exit.js';
import type { SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { SupervisorNode } from '../supervision/tree.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { DRAIN_MS, STANDBY_MEMORY_MS } from './bounds.js';
import { createBridgeServer } from './bridge-server.js';
import type { BridgeConfig } from './config.js';
import type { BridgeEnvironment } from './environment.js';
import { type Following, followClusters } from './follow-clusters.js';
import { lifecycleLog } from './lifecycle-log.js';
import { BridgeMetrics, registerGauges } from './metrics.js';
import { type OpenedDatabase, openDatabase, patiently } from './open-database.js';
import { openPublisher } from './open-publisher.js';
import { createPipeline, type Pipeline } from './pipeline.js';
import { BridgeReadiness } from './readiness.js';
import { registerStorageGauges } from './storage-gauges.js';
import { LeaseKeeper, type LeaseMode } from './writing/lease-keeper.js';
import { leasedWriting } from './writing/leased-writing.js';

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

/** Opens the database, gets its lease or stands by for it, follows all clusters and serves gRPC. */
export async function startBridge(config: BridgeConfig, options: BridgeOptions): Promise<RunningBridge> {
  const opened = await openDatabase(config, options.world, options.env ?? {});
  try {
    const bridge = new Bridge(config, options, opened, await openPublisher(config, options));
    await bridge.start();
    return bridge;
  } catch (error) {
    await opened.database.close();
    throw error;
  }
}

class Bridge implements RunningBridge {
  readonly ready: Promise<void>;
  readonly #config: BridgeConfig;
  readonly #options: BridgeOptions;
  readonly #database: Database;
  readonly #metrics: BridgeMetrics;
  readonly #bus = new InProcessBus();
  readonly #keeper: LeaseKeeper;
  readonly #pipeline: Pipeline;
  readonly #redis: ClosablePublisher | undefined;
  readonly #following: Following;
  readonly #readiness: BridgeReadiness;
  readonly #server: GrpcServer;
  readonly #startedAt: number;
  #listed: (listed: Promise<void>) => void = () => undefined;
  #addresses: readonly string[] = [];
  #supervisor: Supervisor | undefined;
  #http: HealthServer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    config: BridgeConfig,
    options: BridgeOptions,
    { database, mode, adoptUnknownInstances }: OpenedDatabase,
    redis: ClosablePublisher | undefined,
  ) {
    const { world, logger, registry } = options;
    this.#config = config;
    this.#options = options;
    this.#database = database;
    this.#redis = redis;
    this.#startedAt = world.clock.now();
    this.#metrics = new BridgeMetrics(registry);
    this.#keeper = this.#createKeeper(mode);
    const writing = leasedWriting(database, this.#keeper);
    this.#pipeline = createPipeline({
      ...{ database, writing, adoptUnknownInstances, world, logger },
      prebuildReading: config.prebuildReading,
      mayPublish: () => this.#keeper.isCertain,
      lifecycle: config.analytics === 'log' ? lifecycleLog(logger) : undefined,
      publishers: [redis, options.publisher, this.#bus].filter((publisher) => publisher !== undefined),
      metrics: this.#metrics,
    });
    const { mailboxes } = this.#pipeline;
    mailboxes.suspend();
    this.#following = followClusters({
      ...{ config, database, mailboxes, world, logger, writing },
      metrics: this.#metrics,
    });
    const links = () => this.#following.fleet.links;
    const { controllerMaxDisconnectSeconds: maxSeconds } = config;
    this.#readiness = new BridgeReadiness(this.#keeper, links, maxSeconds, world.clock);
    registerStorageGauges(registry, database, this.#keeper, () => world.clock.now());
    registerGauges(registry, {
      links,
      unregistered: this.#following.unregistered.alarm,
      depth: () => mailboxes.depth,
      oldestMs: () => mailboxes.oldestMs,
      now: () => world.clock.now(),
    });
    this.ready = new Promise((resolve) => {
      this.#listed = resolve;
    });
    this.#server = this.#createServer();
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  async start(): Promise<void> {
    const { world, logger } = this.#options;
    await patiently(world, () => this.#keeper.claim());
    this.#supervisor = await startSupervisor('bridge', this.#tree(), {
      clock: world.clock,
      random: world.random,
      onEvent: (event) => logger.debug({ event }, 'supervision'),
    });
    try {
      await this.#following.fleet.start(this.#supervisor);
      this.#listed(this.#following.fleet.listed().then(() => this.#written()));
      this.#addresses = await this.#server.start();
      this.#http = await this.#serveHealth();
    } catch (error) {
      await this.#supervisor.stop();
      this.#pipeline.mailboxes.halt();
      throw error;
    }
    this.#readiness.watch((ready) => this.#server.setServing(ready));
  }

  tree(): SupervisorNode {
    if (this.#supervisor === undefined)
      throw new StewardError('unavailable', 'The bridge has not been started.');
    return this.#supervisor.tree();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #root(): Supervisor {
    if (this.#supervisor === undefined) throw new Error('the bridge has not been started');
    return this.#supervisor;
  }

  async #stop(): Promise<void> {
    await this.#http?.close();
    const { clock } = this.#options.world;
    this.#readiness.stop();
    this.#server.setServing(false);
    if (this.#supervisor !== undefined) await this.#following.fleet.stop(this.#supervisor);
    const cutOff = new AbortController();
    await Promise.race([this.#drain(), sleep(clock, DRAIN_MS, cutOff.signal).catch(() => undefined)]);
    cutOff.abort();
    this.#pipeline.mailboxes.halt();
    await this.#supervisor?.stop();
    await this.#keeper
      .release()
      .catch((err: unknown) => this.#options.logger.warn({ err }, 'the lease expires by itself'));
    await this.#server.stop();
    this.#redis?.close();
    await this.#database.close();
  }

  async #drain(): Promise<void> {
    await this.#written();
    if (this.#keeper.lease !== undefined) await this.#pipeline.relay.flush();
  }

  /** Until what waits is written, by us or by the one that has the lease. */
  async #written(): Promise<void> {
    if (this.#keeper.lease !== undefined) await this.#pipeline.mailboxes.settled();
  }

  #createKeeper(mode: LeaseMode): LeaseKeeper {
    const { world, logger } = this.#options;
    return new LeaseKeeper({
      ...{ database: this.#database, clock: world.clock, mode },
      holder: `${hostname()}, pid ${process.pid}, ${world.random.uuid().slice(0, 8)}`,
      onGained: ({ token, holder }) => {
        logger.info({ token, holder }, 'this bridge writes to the database');
        this.#pipeline.mailboxes.resume();
        this.#pipeline.relay.readAnew();
        for (const cluster of this.#following.fleet.all) cluster.relist();
      },
      onLost: (reason) => {
        logger.error({ reason }, 'this bridge stands by');
        this.#pipeline.mailboxes.suspend();
      },
      onRenewed: () => this.#pipeline.relay.wake(),
      onWaited: () => this.#pipeline.mailboxes.forget(world.clock.now() - STANDBY_MEMORY_MS),
      onFailed: (err) => logger.warn({ err }, 'the lease could not be looked at; trying again'),
    });
  }

  #tree(): SupervisorSpec {
    return {
      strategy: 'one-for-one',
      children: [
        {
          kind: 'worker',
          name: 'outbox-relay',
          restart: 'permanent',
          start: ({ signal }) => ({ exit: this.#pipeline.relay.run(signal).then(() => NORMAL) }),
        },
        {
          kind: 'worker',
          name: 'lease',
          restart: 'permanent',
          start: ({ signal }) => ({ exit: this.#keeper.run(signal).then(() => NORMAL) }),
        },
        ...this.#following.specs(),
      ],
    };
  }

  #createServer(): GrpcServer {
    const { world, logger, registry } = this.#options;
    return createBridgeServer({
      ...{ config: this.#config, world, logger, registry, database: this.#database, bus: this.#bus },
      ...{ following: this.#following, readiness: this.#readiness },
      root: () => this.#root(),
      info: () => this.#info(),
    });
  }

  async #serveHealth(): Promise<HealthServer | undefined> {
    const { http } = this.#config;
    if (http === undefined) return undefined;
    const { registry, world } = this.#options;
    const conditions = async () => this.#readiness.conditions();
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
