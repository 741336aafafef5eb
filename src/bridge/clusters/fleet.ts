import type { Logger } from 'pino';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import { NORMAL } from '../../supervision/exit.js';
import type { PlainChildSpec } from '../../supervision/spec.js';
import type { Supervisor } from '../../supervision/supervisor.js';
import { CLUSTERS_MAX } from '../bounds.js';
import { type Cluster, childNameOf } from '../cluster/cluster.js';
import { ClusterLink } from '../cluster/cluster-link.js';
import type { ClusterSources } from './sources.js';
import { isSameConnection, type WorkspaceCluster } from './workspace-cluster.js';

/** What follows one cluster. */
export type Follower = Pick<Cluster, 'link' | 'firstList' | 'resume' | 'resetVersions' | 'relist' | 'spec'>;

export interface FleetOptions {
  readonly sources: Pick<ClusterSources, 'followed'>;
  readonly clock: Clock;
  /** Between two looks at the sources. */
  readonly intervalMs: number;
  readonly logger: Logger;
  /** Makes the parts that follow one cluster; `isMoved`: it had another url before. */
  readonly create: (link: ClusterLink, how: { readonly isMoved: boolean }) => Follower;
}

/** Under this name all clusters stand in the tree. */
export const CLUSTERS = 'clusters';
const RECONCILER = 'cluster-sources';

/**
 * The clusters that are followed: those that the sources have, each with the settings it has there now. A change of how
 * one is reached replaces its part of the tree, any other one is taken up by what runs.
 */
export class ClusterFleet {
  readonly #options: FleetOptions;
  readonly #clusters = new Map<string, Follower>();
  #supervisor: Supervisor | undefined;
  #reconciling: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  /** Of all registered clusters, those that cannot be followed included. */
  #registered: readonly string[] | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Of the clusters that are followed, sorted by name. */
  get links(): readonly ClusterLink[] {
    return this.all.map((cluster) => cluster.link);
  }

  get all(): readonly Follower[] {
    return [...this.#clusters.values()].sort((a, b) => (a.link.cluster.name < b.link.cluster.name ? -1 : 1));
  }

  /** Of all registered clusters; undefined before they were read once. */
  get names(): readonly string[] | undefined {
    return this.#registered;
  }

  find(name: string): Follower | undefined {
    return this.#clusters.get(name);
  }

  /** The place of the clusters in the tree. */
  spec(): PlainChildSpec {
    return {
      kind: 'supervisor',
      name: CLUSTERS,
      restart: 'permanent',
      supervisor: {
        strategy: 'dynamic',
        childKind: 'supervisor',
        maxChildren: CLUSTERS_MAX,
        onExhausted: 'park-child',
      },
    };
  }

  /** Begins with the clusters there are, and goes on looking for others. Rejects when the sources cannot be read. */
  async start(root: Supervisor): Promise<void> {
    this.#supervisor = root.find(CLUSTERS);
    await this.refresh();
    const { clock, intervalMs } = this.#options;
    await root.startChild({
      kind: 'worker',
      name: RECONCILER,
      restart: 'permanent',
      start: ({ signal }) => ({
        exit: this.#repeat(signal, () => sleep(clock, intervalMs, signal)).then(() => NORMAL),
      }),
    });
  }

  /** Ends following; resolves when no connection is left. */
  async stop(root: Supervisor): Promise<void> {
    await root.terminateChild(RECONCILER);
    await this.#reconciling.catch(() => undefined);
    await root.terminateChild(CLUSTERS);
  }

  /** Brings what runs in step with the sources as they are now, or after the look that is under way. */
  refresh(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#reconciling
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#reconcile();
      });
    this.#next = next;
    this.#reconciling = next;
    return next;
  }

  /** Resolves when each of the clusters there are now was listed once. */
  async listed(): Promise<void> {
    await Promise.all(this.all.map((cluster) => cluster.firstList));
  }

  async #repeat(signal: AbortSignal, pause: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await pause().catch(() => undefined);
      if (signal.aborted) return;
      await this.refresh().catch((thrown: unknown) => {
        const err = toStewardError(thrown, 'unavailable');
        this.#options.logger.warn(
          { err },
          'the registered clusters could not be read; going on with those known',
        );
      });
    }
  }

  async #reconcile(): Promise<void> {
    const wanted = new Map(
      (await this.#options.sources.followed()).map((cluster) => [cluster.name, cluster]),
    );
    for (const name of [...this.#clusters.keys()].filter((known) => !wanted.has(known))) {
      await this.#end(name);
      this.#options.logger.info({ cluster: name }, 'the cluster is not followed any more');
    }
    for (const cluster of wanted.values()) await this.#settle(cluster);
    this.#registered = [...wanted.keys()];
  }

  async #settle(cluster: WorkspaceCluster): Promise<void> {
    const known = this.#clusters.get(cluster.name);
    if (known === undefined) {
      await this.#begin(new ClusterLink(cluster, this.#options.clock, this.#registered !== undefined), false);
      return;
    }
    const isReached = isSameConnection(known.link.cluster, cluster);
    const isMoved = known.link.cluster.url !== cluster.url;
    known.link.update(cluster);
    if (isReached) {
      // One that failed again and again gets another chance with each look.
      await this.#running().find(childNameOf(cluster.name))?.retry();
      return;
    }
    this.#options.logger.info(
      { cluster: cluster.name },
      'the cluster is reached differently; connecting again',
    );
    await this.#running().terminateChild(childNameOf(cluster.name));
    await this.#begin(known.link, isMoved);
  }

  async #begin(link: ClusterLink, isMoved: boolean): Promise<void> {
    const cluster = this.#options.create(link, { isMoved });
    const { name } = link.cluster;
    const started = await this.#running().startChild(cluster.spec());
    if (started.result === 'started') {
      this.#clusters.set(name, cluster);
      return;
    }
    // The next look tries again.
    this.#clusters.delete(name);
    const reason = started.result === 'refused' ? started.reason : started.result;
    this.#options.logger.error({ cluster: name, reason }, 'the cluster cannot be followed');
  }

  async #end(name: string): Promise<void> {
    this.#clusters.delete(name);
    await this.#running().terminateChild(childNameOf(name));
  }

  #running(): Supervisor {
    if (this.#supervisor !== undefined) return this.#supervisor;
    throw new StewardError('unavailable', 'The bridge is starting.');
  }
}
