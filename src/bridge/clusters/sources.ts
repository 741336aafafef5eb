import type { Database } from '../../database/database.js';
import { findByName, findClusters } from './cluster-rows.js';
import type { WorkspaceCluster } from './workspace-cluster.js';

/** Where clusters are registered. */
export interface ClusterSource {
  find(name: string): Promise<WorkspaceCluster | undefined>;
  list(): Promise<readonly WorkspaceCluster[]>;
}

/** Those of the configuration. */
export function staticSource(read: () => Promise<readonly WorkspaceCluster[]>): ClusterSource {
  return {
    find: async (name) => (await read()).find((cluster) => cluster.name === name),
    list: read,
  };
}

/** Rows of d_b_workspace_cluster. */
export function tableSource(database: Database): ClusterSource {
  return {
    find: (name) => database.read((connection) => findByName(connection, name)),
    list: () => database.read((connection) => findClusters(connection)),
  };
}

/**
 * All of them together. A name that several sources have is, asked for by name, that of the first source, and in the
 * list that of the last one: the configuration says how to reach such a cluster, the database who may use it.
 */
export class ClusterSources {
  readonly #sources: readonly ClusterSource[];

  /** The configuration first, then the database. */
  constructor(sources: readonly ClusterSource[]) {
    this.#sources = sources;
  }

  async find(name: string): Promise<WorkspaceCluster | undefined> {
    for (const source of this.#sources) {
      const found = await source.find(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async list(): Promise<readonly WorkspaceCluster[]> {
    const lists = await this.#lists();
    return [...byName(lists).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** As they are followed: settings of the list, reached as when asked for by name. */
  async followed(): Promise<readonly WorkspaceCluster[]> {
    const lists = await this.#lists();
    const first = byName(lists.toReversed());
    return [...byName(lists).values()].map((cluster) => {
      const { url, tls, problem } = first.get(cluster.name) ?? cluster;
      return { ...cluster, url, tls, ...(problem === undefined ? {} : { problem }) };
    });
  }

  #lists(): Promise<readonly (readonly WorkspaceCluster[])[]> {
    return Promise.all(this.#sources.map((source) => source.list()));
  }
}

/** Later lists win. */
function byName(lists: readonly (readonly WorkspaceCluster[])[]): ReadonlyMap<string, WorkspaceCluster> {
  return new Map(lists.flat().map((cluster) => [cluster.name, cluster]));
}
