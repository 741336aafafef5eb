import type { Logger } from 'pino';
import { CLUSTERS_CONNECTIONS_MAX, CLUSTERS_WAITING_MAX } from '../database/bounds.js';
import { laneOf } from '../database/lane.js';
import { StewardError } from '../errors/steward-error.js';
import type { EventPublisher } from '../events/event-publisher.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import { NORMAL } from '../supervision/exit.js';
import type { SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { DRAIN_MS, STANDBY_MEMORY_MS } from './bounds.js';
import { Alarm } from './cluster/alarm.js';
import type { ConnectManager } from './clusters/manager-connection.js';
import { isUnassigned } from './clusters/unassigned.js';
import type { BridgeConfig } from './config.js';
import { type Following, followClusters } from './follow-clusters.js';
import type { BridgeMetrics } from './metrics.js';
import { type OpenedDatabase, patiently } from './open-database.js';
import { OutboxWatch } from './outbox-watch.js';
import { createPipeline, type Pipeline } from './pipeline.js';
import { BridgeReadiness } from './readiness.js';
import { LeaseKeeper } from './writing/lease-keeper.js';
import { leasedWriting } from './writing/leased-writing.js';

export interface CoreOptions {
  readonly config: BridgeConfig;
  readonly opened: OpenedDatabase;
  readonly connect: ConnectManager;
  /** Each gets every event, one after the other. */
  readonly publishers: readonly EventPublisher[];
  /** Gets an event when a life begins or ends; undefined when nobody wants to know. */
  readonly lifecycle: EventPublisher | undefined;
  /** Who we are, for other bridges of this database. */
  readonly holder: string;
  readonly world: Pick<World, 'clock' | 'random' | 'files'>;
  readonly logger: Logger;
  readonly metrics: BridgeMetrics;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

/** Lists, feeds, control loops and changes of all clusters. */
const CLUSTERS_LANE = {
  of: 'what looks after clusters',
  concurrency: CLUSTERS_CONNECTIONS_MAX,
  waitingMax: CLUSTERS_WAITING_MAX,
};

/** The bridge without its wires: its lease, what follows the clusters, what writes and what publishes. */
export class BridgeCore {
  readonly keeper: LeaseKeeper;
  readonly pipeline: Pipeline;
  readonly following: Following;
  readonly readiness: BridgeReadiness;
  /** Raised while the outbox does not empty. */
  readonly outboxAlarm: Alarm;
  readonly #options: CoreOptions;
  #supervisor: Supervisor | undefined;

  constructor(options: CoreOptions) {
    const { config, opened, connect, publishers, lifecycle, world, logger, metrics, tracer } = options;
    const { database, adoptUnknownInstances } = opened;
    this.#options = options;
    this.keeper = this.#createKeeper();
    const writing = leasedWriting(database, this.keeper);
    const ofClusters = laneOf(database, CLUSTERS_LANE);
    this.pipeline = createPipeline({
      ...{ database, writing, adoptUnknownInstances, publishers, lifecycle, world, logger, metrics, tracer },
      isUnassigned: (region) => isUnassigned(region, config.installation, this.following.fleet.names),
      prebuildReading: config.prebuildReading,
      mayPublish: () => this.keeper.isCertain,
    });
    const { mailboxes } = this.pipeline;
    mailboxes.suspend();
    this.following = followClusters({
      ...{ config, database: ofClusters, writing: leasedWriting(ofClusters, this.keeper) },
      ...{ connect, mailboxes, world, logger, metrics, tracer },
    });
    const links = () => this.following.fleet.links;
    this.outboxAlarm = new Alarm(world.clock);
    this.readiness = new BridgeReadiness({
      ...{ keeper: this.keeper, links, outbox: this.outboxAlarm },
      ...{ maxDisconnectSeconds: config.controllerMaxDisconnectSeconds, clock: world.clock },
    });
  }

  get root(): Supervisor {
    if (this.#supervisor === undefined)
      throw new StewardError('unavailable', 'The bridge has not been started.');
    return this.#supervisor;
  }

  /** Gets the lease or stands by for it, and follows the clusters; rejects when that cannot be begun. */
  async start(): Promise<void> {
    const { world, logger } = this.#options;
    await patiently(world, () => this.keeper.claim());
    this.#supervisor = await startSupervisor('bridge', this.#tree(), {
      clock: world.clock,
      random: world.random,
      onEvent: (event) => logger.debug({ event }, 'supervision'),
    });
    try {
      await this.following.fleet.start(this.#supervisor);
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  /** Ends at once what runs, and gives the lease back; nothing more is written. */
  async abandon(): Promise<void> {
    await this.#supervisor?.stop();
    this.pipeline.mailboxes.halt();
    await this.#release();
  }

  /** Takes nothing new, writes and publishes what waits, and gives the lease back. */
  async stop(): Promise<void> {
    const { world } = this.#options;
    if (this.#supervisor !== undefined) await this.following.fleet.stop(this.#supervisor);
    const cutOff = new AbortController();
    await Promise.race([this.#drain(), sleep(world.clock, DRAIN_MS, cutOff.signal).catch(() => undefined)]);
    cutOff.abort();
    this.pipeline.mailboxes.halt();
    await this.#supervisor?.stop();
    await this.#release();
  }

  /** Until what waits is written, by us or by the one that has the lease. */
  async written(): Promise<void> {
    if (this.keeper.lease !== undefined) await this.pipeline.mailboxes.settled();
  }

  async #release(): Promise<void> {
    const { logger } = this.#options;
    await this.keeper.release().catch((err: unknown) => logger.warn({ err }, 'the lease expires by itself'));
  }

  async #drain(): Promise<void> {
    await this.written();
    if (this.keeper.lease !== undefined) await this.pipeline.relay.flush();
  }

  #createKeeper(): LeaseKeeper {
    const { world, logger, opened, holder } = this.#options;
    return new LeaseKeeper({
      // Whoever waits behind others loses it to a bridge with less to do.
      ...{
        database: opened.database.apart ?? opened.database,
        clock: world.clock,
        mode: opened.mode,
        holder,
      },
      onGained: ({ token, holder }) => {
        logger.info({ token, holder }, 'this bridge writes to the database');
        this.pipeline.mailboxes.resume();
        this.pipeline.relay.readAnew();
        for (const cluster of this.following.fleet.all) cluster.relist();
      },
      onLost: (reason) => {
        logger.error({ reason }, 'this bridge stands by');
        this.pipeline.mailboxes.suspend();
      },
      onRenewed: () => this.pipeline.relay.wake(),
      onWaited: () => this.pipeline.mailboxes.forget(world.clock.now() - STANDBY_MEMORY_MS),
      onFailed: (err) => logger.warn({ err }, 'the lease could not be looked at; trying again'),
    });
  }

  #createOutboxWatch(): OutboxWatch {
    const { opened, world, logger } = this.#options;
    return new OutboxWatch({
      ...{ database: opened.database, clock: world.clock, alarm: this.outboxAlarm },
      isWriter: () => this.keeper.lease !== undefined,
      onAlarm: (reason) => logger.error({ reason }, 'the outbox does not empty'),
      onOver: () => logger.info('the outbox empties again'),
      onFailed: (err) => logger.warn({ err }, 'the outbox could not be looked at; trying again'),
    });
  }

  #tree(): SupervisorSpec {
    const { relay } = this.pipeline;
    const outboxWatch = this.#createOutboxWatch();
    return {
      strategy: 'one-for-one',
      children: [
        {
          kind: 'worker',
          name: 'outbox-relay',
          restart: 'permanent',
          start: ({ signal }) => ({ exit: relay.run(signal).then(() => NORMAL) }),
        },
        {
          kind: 'worker',
          name: 'outbox-watch',
          restart: 'permanent',
          start: ({ signal }) => ({ exit: outboxWatch.run(signal).then(() => NORMAL) }),
        },
        {
          kind: 'worker',
          name: 'lease',
          restart: 'permanent',
          start: ({ signal }) => ({ exit: this.keeper.run(signal).then(() => NORMAL) }),
        },
        ...this.following.specs(),
      ],
    };
  }
}
