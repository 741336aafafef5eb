import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningSwift, startSwift } from './swift.js';

/** The S3 server that the environment names, else a private Swift. */
export async function truthfulS3Server(): Promise<RunningSwift> {
  const { env } = process;
  const endpoint = env['STEWARD_TEST_S3_ENDPOINT'];
  if (endpoint === undefined) return startSwift(await mkdtemp(join(tmpdir(), 'steward-swift-')));
  return {
    endpoint,
    region: env['STEWARD_TEST_S3_REGION'] ?? 'us-east-1',
    accessKey: env['STEWARD_TEST_S3_ACCESS_KEY'] ?? '',
    secretKey: env['STEWARD_TEST_S3_SECRET_KEY'] ?? '',
    stop: async () => undefined,
  };
}

export function isNamedS3Server(): boolean {
  return process.env['STEWARD_TEST_S3_ENDPOINT'] !== undefined;
}
