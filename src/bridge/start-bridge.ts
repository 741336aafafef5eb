import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Database, openSqlite } from '../database/database.js';
import { migrate } from '../database/migrations.js';
import { StewardError } from '../errors/steward-error.js';
import type { EventPublisher } from '../events/event-publisher.js';
import { InProcessBus } from '../events/in-process-bus.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { BridgeServiceService } from '../gen/steward/v1/bridge.js';
import { SupervisionServiceService } from '../gen/steward/v1/supervision.js';
import { SystemServiceService } from '../gen/steward/v1/system.js';
import { ClusterServiceService } from '../gen/ws-manager-bridge-api/cluster-service.js';
import { createGrpcServer, type GrpcServer } from '../grpc/server.js';
import { NORMAL } from '../supervision/exit.js';
import type { SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { SupervisorNode } from '../supervision/tree.js';
import { type HealthServer, startHealthServer } from '../telemetry/health-server.js';
import { supervisionHandlers } from '../telemetry/supervision-service.js';
import { systemHandlers } from '../telemetry/system-service.js';
import { backoffMs } from './backoff.js';
import { DRAIN_MS, OPEN_ATTEMPTS_MAX, WRITE_RETRY_MAX_MS, WRITE_RETRY_MIN_MS } from './bounds.js';
import type { BridgeConfig } from './config.js';
import { type Following, followClusters } from './follow-clusters.js';
import { checkLease, type Lease, takeLease } from './lease.js';
import { lifecycleLog } from './lifecycle-log.js';
import { BridgeMetrics, registerGauges } from './metrics.js';
import { isoTime } from './pipeline/iso-time.js';
import { createPipeline, type Pipeline } from './pipeline.js';
import { BridgeReadiness } from './readiness.js';
import { bridgeHandlers } from './rpc/bridge-service.js';
import { clusterHandlers } from './rpc/cluster-service.js';
import { migrations } from './schema/migrations.js';

export interface BridgeOptions {
  readonly world: World;
  readonly logger: Logger;
  /** For the bridge's metrics; its own, never the global one. */
  readonly registry: Registry;
  readonly version: string;
  /** Where events go besides the listeners of WatchEvents. */
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

/** Opens the database, takes over its lease, follows all clusters and serves gRPC. */
export async function startBridge(config: BridgeConfig, options: BridgeOptions): Promise<RunningBridge> {
  const { files, clock, random } = options.world;
  if (config.databaseFile !== ':memory:') await files.makeDirectory(dirname(config.databaseFile), 0o700);
  const database = openSqlite(config.databaseFile);
  try {
    const lease = await patiently(options.world, async () => {
      await migrate(database, migrations, isoTime(clock.now()));
      return takeLease(database, random.uuid(), isoTime(clock.now()));
    });
    const bridge = new Bridge(config, options, database, lease);
    await bridge.start();
    return bridge;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** A bridge that is just stopping, or somebody's query, may hold the database for a moment. */
async function patiently<Result>({ clock, random }: World, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const transient = error instanceof StewardError && error.code === 'unavailable';
      if (!transient || attempt >= OPEN_ATTEMPTS_MAX) throw error;
      await sleep(clock, backoffMs(attempt, WRITE_RETRY_MIN_MS, WRITE_RETRY_MAX_MS, random));
    }
  }
}

class Bridge implements RunningBridge {
  readonly ready: Promise<void>;
  readonly #config: BridgeConfig;
  readonly #options: BridgeOptions;
  readonly #database: Database;
  readonly #metrics: BridgeMetrics;
  readonly #bus = new InProcessBus();
  readonly #pipeline: Pipeline;
  readonly #following: Following;
  readonly #readiness: BridgeReadiness;
  readonly #server: GrpcServer;
  readonly #startedAt: number;
  #listed: (listed: Promise<void>) => void = () => undefined;
  #addresses: readonly string[] = [];
  #supervisor: Supervisor | undefined;
  #http: HealthServer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: BridgeConfig, options: BridgeOptions, database: Database, lease: Lease) {
    const { world, logger, registry } = options;
    this.#config = config;
    this.#options = options;
    this.#database = database;
    this.#startedAt = world.clock.now();
    this.#metrics = new BridgeMetrics(registry);
    const { adoptUnknownInstances, prebuildReading } = config;
    this.#pipeline = createPipeline({
      database,
      lease,
      adoptUnknownInstances,
      prebuildReading,
      lifecycle: config.analytics === 'log' ? lifecycleLog(logger) : undefined,
      publishers: [...(options.publisher === undefined ? [] : [options.publisher]), this.#bus],
      world,
      logger,
      metrics: this.#metrics,
      onFenced: (message) => this.#readiness.fence(message),
    });
    const { mailboxes } = this.#pipeline;
    this.#following = followClusters({
      ...{ config, database, mailboxes, world, logger },
      metrics: this.#metrics,
      writing: {
        write: (work) =>
          database.write(async (transaction) => {
            await checkLease(transaction, lease);
            return work(transaction);
          }),
        refusal: () => undefined,
      },
    });
    const links = () => this.#following.fleet.links;
    this.#readiness = new BridgeReadiness(links, config.controllerMaxDisconnectSeconds, world.clock);
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
    this.#supervisor = await startSupervisor('bridge', this.#tree(), {
      clock: world.clock,
      random: world.random,
      onEvent: (event) => logger.debug({ event }, 'supervision'),
    });
    try {
      await this.#following.fleet.start(this.#supervisor);
      this.#listed(this.#following.fleet.listed().then(() => this.#pipeline.mailboxes.settled()));
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
    const drained = this.#pipeline.mailboxes.settled().then(() => this.#pipeline.relay.flush());
    await Promise.race([drained, sleep(clock, DRAIN_MS, cutOff.signal).catch(() => undefined)]);
    cutOff.abort();
    this.#pipeline.mailboxes.halt();
    await this.#supervisor?.stop();
    await this.#server.stop();
    await this.#database.close();
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
        ...this.#following.specs(),
      ],
    };
  }

  #createServer(): GrpcServer {
    const { world, logger, registry } = this.#options;
    const { listen, insecure, tls } = this.#config;
    const secured = tls === undefined ? {} : { tls };
    const server = createGrpcServer({ addresses: listen, insecure, world, logger, registry, ...secured });
    server.addService(
      BridgeServiceService,
      bridgeHandlers({
        database: this.#database,
        bus: this.#bus,
        clusters: this.#following.fleet,
        registry: this.#following.registry,
        unregistered: this.#following.unregistered,
        contents: () => this.#following.fleet.all.map((cluster) => cluster.contents),
      }),
    );
    server.addService(ClusterServiceService, clusterHandlers(this.#following));
    server.addService(
      SupervisionServiceService,
      supervisionHandlers(() => this.#root()),
    );
    server.addService(
      SystemServiceService,
      systemHandlers(
        () => this.#info(),
        async () => this.#readiness.conditions(),
      ),
    );
    return server;
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
