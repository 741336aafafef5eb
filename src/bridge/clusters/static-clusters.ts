import { readPemFile } from '../../config/pem-file.js';
import type { Files } from '../../gateways/files.js';
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
  const read = async (member: keyof ClusterTls) =>
    (await readPemFile(files, `clusters: tls.${member} of "${cluster}"`, paths[member])).toString('base64');
  return { ca: await read('ca'), crt: await read('crt'), key: await read('key') };
}
