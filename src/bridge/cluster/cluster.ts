import type { Logger } from 'pino';
import type { Database } from '../../database/database.js';
import { toStewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import type { WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import { NORMAL } from '../../supervision/exit.js';
import type { ChildContext, PlainChildSpec, StartedChild, WorkerSpec } from '../../supervision/spec.js';
import type { Tracer } from '../../telemetry/tracing/tracer.js';
import { STREAM_STOP_MS } from '../bounds.js';
import type { ConnectManager, ManagerConnection } from '../clusters/manager-connection.js';
import type { Writing } from '../clusters/writing.js';
import type { BridgeConfig } from '../config.js';
import { ContentFeed } from '../contents/content-feed.js';
import type { BridgeMetrics } from '../metrics.js';
import { acceptStatus } from '../pipeline/accept.js';
import type { InstanceMailboxes, Lane } from '../pipeline/instance-mailboxes.js';
import { ClassSync } from './class-sync.js';
import type { ClusterLink } from './cluster-link.js';
import { ClusterLister } from './cluster-lister.js';
import { ControlLoop } from './control-loop.js';
import { FallenVersions } from './fallen-versions.js';
import { type OpenRow, readOpenRows } from './open-rows.js';
import { StatusStream } from './status-stream.js';
import { StopGuard } from './stop-guard.js';
import { findFallen, forgetVersions } from './version-reset.js';

export interface ClusterOptions {
  readonly link: ClusterLink;
  /** It was reached at another url before: there may be another manager now. */
  readonly isMoved: boolean;
  readonly config: BridgeConfig;
  readonly connect: ConnectManager;
  readonly database: Database;
  readonly writing: Writing;
  readonly mailboxes: InstanceMailboxes;
  readonly metrics: BridgeMetrics;
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly logger: Logger;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

const MS_PER_SECOND = 1_000;

/**
 * One way to reach one manager: the connections, the stream and the lists of its instances, the control loop over its
 * rows and the look at its classes. Another url or other certificates need another one of these.
 */
export class Cluster {
  readonly link: ClusterLink;
  /** Resolves when the first complete list has been handed on. */
  readonly firstList: Promise<void>;
  readonly #options: ClusterOptions;
  readonly #guard: StopGuard;
  readonly #control: ControlLoop;
  readonly #fallen: FallenVersions;
  readonly #logger: Logger;
  #listed: () => void = () => undefined;
  #lister: ClusterLister | undefined;

  constructor(options: ClusterOptions) {
    const { link, config, world, mailboxes } = options;
    const { name } = link.cluster;
    this.#options = options;
    this.#logger = options.logger.child({ cluster: name });
    this.link = link;
    this.firstList = new Promise((resolve) => {
      this.#listed = resolve;
    });
    const { clock } = world;
    const intervalMs = config.controllerIntervalSeconds * MS_PER_SECOND;
    const apartMs = intervalMs / 2;
    this.#fallen = new FallenVersions({
      ...{ link, clock, apartMs },
      onAlarm: (reason) => this.#logger.error({ instances: link.fallen, reason }, 'versions fell'),
    });
    const onAlarm = (reason: string) => this.#logger.error({ reason }, 'the control loop stands still');
    this.#guard = new StopGuard(link.alarm, config.stopShareMax, onAlarm, intervalMs);
    this.#control = new ControlLoop({
      ...{ guard: this.#guard, clock, apartMs },
      graceSeconds: config.graceSeconds,
      timeouts: config.timeouts,
      requestStop: (stop, row) => {
        this.#logger.warn(
          { instance: row.instance, phase: row.phase },
          'stopping a row its manager does not know',
        );
        mailboxes.requestStop(stop);
      },
    });
  }

  /** Lets the control loop go on after its alarm; false without one. */
  resume(): boolean {
    return this.#guard.resume();
  }

  /**
   * Takes its manager's word anew for the instances whose versions have fallen below those of their rows; answers which
   * they are, or `isDryRun`, would be. Rejects as a list of the manager or a write does.
   */
  async resetVersions(isDryRun: boolean, signal: AbortSignal): Promise<readonly string[]> {
    const { connect, database, writing } = this.#options;
    const manager = connect(this.link.cluster);
    try {
      const cluster = this.link.cluster.name;
      const options = { cluster, client: manager.workspaces, database, writing };
      const fallen = await findFallen(options, signal);
      if (isDryRun) return fallen.map(({ instance }) => instance);
      const forgotten = await forgetVersions(options, fallen);
      this.relist();
      return forgotten;
    } finally {
      manager.close();
    }
  }

  /** Takes a complete list as soon as possible. */
  relist(): void {
    this.#lister?.request();
  }

  /** The cluster's part of the tree. The lister comes first: the stream tells it when to list. */
  spec(): PlainChildSpec {
    return {
      kind: 'supervisor',
      name: childNameOf(this.link.cluster.name),
      restart: 'permanent',
      supervisor: {
        strategy: 'one-for-one',
        onExhausted: 'park',
        children: [
          this.#worker('lister', (manager, context) => this.#runLister(manager, context.signal)),
          this.#worker('stream', (manager, context) => this.#runStream(manager, context.signal)),
          this.#worker('classes', (manager, context) => this.#runClasses(manager, context.signal)),
          this.#worker('contents', (manager, context) => this.#runContents(manager, context.signal)),
        ],
      },
    };
  }

  #runLister({ workspaces: client }: ManagerConnection, signal: AbortSignal): Promise<void> {
    const { database, world, config, tracer } = this.#options;
    const { name } = this.link.cluster;
    const lister = new ClusterLister({
      ...{ client, tracer },
      link: this.link,
      clock: world.clock,
      random: world.random,
      intervalMs: config.controllerIntervalSeconds * MS_PER_SECOND,
      openRows: () => readOpenRows(database, name),
      onStatus: (status) => this.#accept(status, 'listed'),
      onKnown: () => this.#options.metrics.known(name),
      onListed: (open, versions) => {
        this.#review(open, versions);
        this.#listed();
      },
      onFailed: (error) => this.#logger.warn({ err: error }, 'the list of instances could not be taken'),
    });
    this.#lister = lister;
    return lister.run(signal);
  }

  #review(open: readonly OpenRow[], versions: ReadonlyMap<string, bigint>): void {
    if (this.#options.writing.refusal() === undefined) {
      this.#control.review(open, versions);
      this.#fallen.review(open, versions);
      return;
    }
    this.#control.forget();
    this.#fallen.forget();
  }

  #runStream({ workspaces: client }: ManagerConnection, signal: AbortSignal): Promise<void> {
    const { world, config } = this.#options;
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
    return stream.run(signal);
  }

  #runClasses({ workspaces: client }: ManagerConnection, signal: AbortSignal): Promise<void> {
    const { world, config, writing } = this.#options;
    const sync = new ClassSync({
      client,
      link: this.link,
      writing,
      clock: world.clock,
      intervalMs: config.controllerIntervalSeconds * MS_PER_SECOND,
      onFailed: (error) => this.#logger.warn({ err: error }, 'the classes of the cluster could not be kept'),
    });
    return sync.run(signal);
  }

  #runContents({ contents: client }: ManagerConnection, signal: AbortSignal): Promise<void> {
    const { database, writing, world, config } = this.#options;
    const feed = new ContentFeed({
      cluster: this.link.cluster.name,
      isMoved: this.#options.isMoved,
      client,
      ...{ database, writing, clock: world.clock, random: world.random },
      stallMs: config.streamStallSeconds * MS_PER_SECOND,
      onFailed: (error) => this.#logger.warn({ err: error }, 'the stream of transitions ended'),
    });
    return feed.run(signal);
  }

  /** A connection for each, so that a large list does not stand in the way of the stream's messages. */
  #worker(
    name: string,
    run: (manager: ManagerConnection, context: ChildContext) => Promise<void>,
  ): WorkerSpec & PlainChildSpec {
    const start = (context: ChildContext): StartedChild => {
      const manager = this.#connect();
      // Starting again would find the same settings; other ones bring another cluster.
      if (manager === undefined) return { exit: aborted(context.signal).then(() => NORMAL) };
      const running = run(manager, context).finally(() => manager.close());
      return { exit: running.then(() => NORMAL) };
    };
    return { kind: 'worker', name, restart: 'permanent', shutdown: STREAM_STOP_MS, start };
  }

  /** undefined for settings that nobody can use; the link tells. */
  #connect(): ManagerConnection | undefined {
    try {
      return this.#options.connect(this.link.cluster);
    } catch (thrown) {
      const error = toStewardError(thrown);
      this.link.streamEnded(error);
      this.#logger.error({ err: error }, 'the cluster cannot be connected with these settings');
      return undefined;
    }
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

/** Names in the tree have no slash, and clusters of the database may be called anything. */
export function childNameOf(cluster: string): string {
  return `cluster-${encodeURIComponent(cluster)}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
