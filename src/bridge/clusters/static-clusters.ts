import { readPemFile } from '../../config/pem-file.js';
import { type StewardError, toStewardError } from '../../errors/steward-error.js';
import type { Files } from '../../gateways/files.js';
import type { ClusterConfig } from '../config.js';
import type { ClusterTls, WorkspaceCluster } from './workspace-cluster.js';

export interface StaticClustersOptions {
  readonly files: Pick<Files, 'read'>;
  readonly configured: readonly ClusterConfig[];
  /** The files of one cannot be read (any more), or fail differently. */
  readonly onProblem: (cluster: string, error: StewardError) => void;
}

/** Nobody can connect with these: better than without any. */
const UNREADABLE: ClusterTls = { ca: '', crt: '', key: '' };

/**
 * Clusters of the configuration. Their files are read each time, so a rotation is taken up at the next look. One whose
 * files cannot be read keeps what they held before, and does not keep the others from being read.
 */
export class StaticClusters {
  readonly #options: StaticClustersOptions;
  readonly #last = new Map<string, ClusterTls>();
  readonly #problems = new Map<string, string>();

  constructor(options: StaticClustersOptions) {
    this.#options = options;
  }

  read(): Promise<readonly WorkspaceCluster[]> {
    return Promise.all(this.#options.configured.map((cluster) => this.#readOne(cluster)));
  }

  async #readOne({ govern, tls, ...cluster }: ClusterConfig): Promise<WorkspaceCluster> {
    return {
      ...cluster,
      governed: govern,
      ...(tls === undefined ? { tls } : await this.#readTls(cluster.name, tls)),
      availableWorkspaceClasses: [],
      preferredWorkspaceClass: '',
      isStatic: true,
    };
  }

  async #readTls(cluster: string, paths: ClusterTls): Promise<Pick<WorkspaceCluster, 'tls' | 'problem'>> {
    const { files, onProblem } = this.#options;
    try {
      const tls = await readTls(files, cluster, paths);
      this.#last.set(cluster, tls);
      this.#problems.delete(cluster);
      return { tls };
    } catch (thrown) {
      const error = toStewardError(thrown, 'invalid-config');
      if (this.#problems.get(cluster) !== error.message) onProblem(cluster, error);
      this.#problems.set(cluster, error.message);
      return { tls: this.#last.get(cluster) ?? UNREADABLE, problem: error.message };
    }
  }
}

async function readTls(files: Pick<Files, 'read'>, cluster: string, paths: ClusterTls): Promise<ClusterTls> {
  const read = async (member: keyof ClusterTls) =>
    (await readPemFile(files, `clusters: tls.${member} of "${cluster}"`, paths[member])).toString('base64');
  return { ca: await read('ca'), crt: await read('crt'), key: await read('key') };
}
