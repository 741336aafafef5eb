import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { ClusterTls } from '../../../src/bridge/clusters/workspace-cluster.js';
import { type Authority, createAuthority, issue } from '../../grpc/certificates.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { FakeManager } from './fake-manager.js';

/** A manager on a Unix socket, gone after the test. */
export async function plainManager(): Promise<FakeManager> {
  return started(new FakeManager(join(await temporaryFolder(), 'm.sock')));
}

/** One that wants certificates, those somebody registers to be let in, and the authority that made both. */
export async function securedManager(authority: Authority = createAuthority('ours')): Promise<{
  readonly manager: FakeManager;
  readonly tls: ClusterTls;
  readonly authority: Authority;
}> {
  const own = issue(authority, ['ws-manager']);
  const pair = { cert_chain: own.certificatePem, private_key: own.keyPem };
  const credentials = ServerCredentials.createSsl(authority.certificatePem, [pair], true);
  const manager = await started(new FakeManager('', credentials));
  return { manager, tls: clientTls(authority), authority };
}

/** Fresh credentials, as a registration has them. */
export function clientTls(authority: Authority): ClusterTls {
  const { certificatePem, keyPem } = issue(authority, ['bridge']);
  return {
    ca: authority.certificatePem.toString('base64'),
    crt: certificatePem.toString('base64'),
    key: keyPem.toString('base64'),
  };
}

async function started(manager: FakeManager): Promise<FakeManager> {
  await manager.start();
  onTestFinished(() => manager.stop());
  return manager;
}
