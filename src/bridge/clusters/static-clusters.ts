import { StewardError } from '../../errors/steward-error.js';
import type { Files } from '../../gateways/files.js';
import { PEM_FILE_BYTES } from '../bounds.js';
import type { ClusterConfig } from '../config.js';
import type { ClusterTls, WorkspaceCluster } from './workspace-cluster.js';

/** Clusters of the configuration. Their files are read each time, so a rotation is taken up at the next look. */
export async function readStaticClusters(
  files: Pick<Files, 'read'>,
  configured: readonly ClusterConfig[],
): Promise<readonly WorkspaceCluster[]> {
  return Promise.all(configured.map((cluster) => readOne(files, cluster)));
}

async function readOne(
  files: Pick<Files, 'read'>,
  { govern, tls, ...cluster }: ClusterConfig,
): Promise<WorkspaceCluster> {
  return {
    ...cluster,
    governed: govern,
    tls: tls === undefined ? undefined : await readTls(files, cluster.name, tls),
    availableWorkspaceClasses: [],
    preferredWorkspaceClass: '',
    isStatic: true,
  };
}

async function readTls(files: Pick<Files, 'read'>, cluster: string, paths: ClusterTls): Promise<ClusterTls> {
  const read = async (member: keyof ClusterTls) => {
    try {
      return (await files.read(paths[member], PEM_FILE_BYTES)).toString('base64');
    } catch (cause) {
      const file = `clusters: the file of tls.${member} of "${cluster}" cannot be read: ${paths[member]}`;
      throw new StewardError('invalid-config', file, { cause });
    }
  };
  return { ca: await read('ca'), crt: await read('crt'), key: await read('key') };
}
