import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import type { S3Server } from './swift.js';

/** An S3 server in this process: quick, and less strict than real ones (test/storage/s3/s3rver.test.ts says where). */
export async function startS3rver(): Promise<S3Server & { stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'steward-s3rver-'));
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory });
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    accessKey: 'S3RVER',
    secretKey: 'S3RVER',
    stop: async () => {
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
