import type { Logger } from 'pino';
import type { Database } from '../../database/database.js';
import type { World } from '../../gateways/world.js';
import { ContentServiceService } from '../../gen/steward/v1/content_service.js';
import { WorkspaceManagerService, type WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import { createChannel } from '../../grpc/channel.js';
import { MANAGER_CHANNEL_OPTIONS } from '../../grpc/channel-options.js';
import { createClient } from '../../grpc/client.js';
import { NORMAL } from '../../supervision/exit.js';
import type { ChildContext, PlainChildSpec, StartedChild, WorkerSpec } from '../../supervision/spec.js';
import { STREAM_STOP_MS } from '../bounds.js';
import type { BridgeConfig, ClusterConfig } from '../config.js';
import type { BridgeMetrics } from '../metrics.js';
import { acceptStatus } from '../pipeline/accept.js';
import type { InstanceMailboxes, Lane } from '../pipeline/instance-mailboxes.js';
import type { ContentSource } from '../rpc/list-content-states.js';
import { ClusterLink } from './cluster-link.js';
import { ClusterLister } from './cluster-lister.js';
import { ControlLoop } from './control-loop.js';
import { readOpenRows } from './open-rows.js';
import { StatusStream } from './status-stream.js';

export interface ClusterOptions {
  readonly cluster: ClusterConfig;
  readonly config: BridgeConfig;
  readonly database: Database;
  readonly mailboxes: InstanceMailboxes;
  readonly metrics: BridgeMetrics;
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly logger: Logger;
}

const MS_PER_SECOND = 1_000;

/** One manager: its connection, the stream and the lists of its instances, and the control loop over its rows. */
export class Cluster {
  readonly link: ClusterLink;
  /** Resolves when the first complete list has been handed on. */
  readonly firstList: Promise<void>;
  readonly #options: ClusterOptions;
  readonly #control: ControlLoop;
  readonly #logger: Logger;
  #listed: () => void = () => undefined;
  #lister: ClusterLister | undefined;

  constructor(options: ClusterOptions) {
    const { cluster, config, world, mailboxes } = options;
    this.#options = options;
    this.#logger = options.logger.child({ cluster: cluster.name });
    this.link = new ClusterLink(cluster, world.clock);
    this.firstList = new Promise((resolve) => {
      this.#listed = resolve;
    });
    this.#control = new ControlLoop({
      cluster: cluster.name,
      link: this.link,
      clock: world.clock,
      graceSeconds: config.graceSeconds,
      stopShareMax: config.stopShareMax,
      requestStop: (stop, row) => {
        this.#logger.warn(
          { instance: row.instance, phase: row.phase },
          'stopping a row its manager does not know',
        );
        mailboxes.requestStop(stop);
      },
      onAlarm: (reason) => this.#logger.error({ reason }, 'the control loop stands still'),
    });
  }

  /** The content states of its instances, each time over a connection that is closed again. */
  get contents(): ContentSource {
    const { name, url } = this.link.cluster;
    return {
      region: name,
      listContent: async (request, options) => {
        const channel = createChannel(url, { clock: this.#options.world.clock });
        try {
          return await createClient(ContentServiceService, channel).listContent(request, options);
        } finally {
          channel.close();
        }
      },
    };
  }

  /** Lets the control loop go on after its alarm. */
  resume(): void {
    this.#control.resume();
  }

  /** The cluster's part of the tree. The lister comes first: the stream tells it when to list. */
  spec(): PlainChildSpec {
    return {
      kind: 'supervisor',
      name: `cluster-${this.link.cluster.name.replaceAll('/', '_')}`,
      restart: 'permanent',
      supervisor: {
        strategy: 'one-for-all',
        onExhausted: 'park',
        children: [
          worker('lister', (context) => this.#startLister(context)),
          worker('stream', (context) => this.#startStream(context)),
        ],
      },
    };
  }

  #startLister(context: ChildContext): StartedChild {
    const { database, world, config } = this.#options;
    const { name } = this.link.cluster;
    const { client, close } = this.#connect();
    const lister = new ClusterLister({
      client,
      link: this.link,
      clock: world.clock,
      random: world.random,
      intervalMs: config.controllerIntervalSeconds * MS_PER_SECOND,
      openRows: () => readOpenRows(database, name),
      onStatus: (status) => this.#accept(status, 'listed'),
      onListed: (open, instances) => {
        this.#control.review(open, instances);
        this.#listed();
      },
      onFailed: (error) => this.#logger.warn({ err: error }, 'the list of instances could not be taken'),
    });
    this.#lister = lister;
    return {
      exit: lister
        .run(context.signal)
        .finally(close)
        .then(() => NORMAL),
    };
  }

  #startStream(context: ChildContext): StartedChild {
    const { world, config } = this.#options;
    const { client, close } = this.#connect();
    const stream = new StatusStream({
      client,
      link: this.link,
      clock: world.clock,
      random: world.random,
      stallMs: config.streamStallSeconds * MS_PER_SECOND,
      onStatus: (status) => this.#accept(status, 'live'),
      onSubscribed: () => this.#lister?.request(),
      onEnded: (error) => this.#logger.warn({ err: error }, 'the stream of statuses ended'),
    });
    return {
      exit: stream
        .run(context.signal)
        .finally(close)
        .then(() => NORMAL),
    };
  }

  /** A channel for each, so that a large list does not stand in the way of the stream's messages. */
  #connect() {
    const channel = createChannel(this.link.cluster.url, {
      clock: this.#options.world.clock,
      // Inventories have no limit of their own: 100 000 workspaces are 60 MiB.
      options: { ...MANAGER_CHANNEL_OPTIONS, 'grpc.max_receive_message_length': -1 },
    });
    return { client: createClient(WorkspaceManagerService, channel), close: () => channel.close() };
  }

  #accept(status: WorkspaceStatus, lane: Lane): void {
    const { mailboxes, metrics, world } = this.#options;
    const { name } = this.link.cluster;
    const update = acceptStatus(name, status, world.clock.now());
    if (!('refused' in update)) {
      mailboxes.accept(update, lane);
      return;
    }
    metrics.refused(name);
    this.#logger.warn({ reason: update.refused }, 'a status was refused');
  }
}

function worker(name: string, start: (context: ChildContext) => StartedChild): WorkerSpec & PlainChildSpec {
  return { kind: 'worker', name, restart: 'permanent', shutdown: STREAM_STOP_MS, start };
}
