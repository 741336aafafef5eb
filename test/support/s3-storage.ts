import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { realWorld } from '../../src/gateways/real/world.js';
import type { S3Options } from '../../src/storage/s3/options.js';
import { S3Storage } from '../../src/storage/s3/storage.js';
import type { S3Server } from './swift.js';

/** The SDK itself, for what tests do behind our back. */
export function plainClient({ endpoint, region, accessKey, secretKey }: S3Server): S3Client {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const checksums = { requestChecksumCalculation: 'WHEN_REQUIRED' } as const;
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials, ...checksums });
}

let count = 0;

/** A bucket of its own on the server. */
export async function newBucket(server: S3Server): Promise<string> {
  count += 1;
  const bucket = `steward-${process.pid}-${count}`;
  await plainClient(server).send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

export function s3Options(server: S3Server, changes: Partial<S3Options> = {}): S3Options {
  const { endpoint, region, accessKey, secretKey } = server;
  return {
    flavour: 's3',
    endpoint,
    region,
    pathStyle: true,
    parallelUpload: 4,
    credentials: { kind: 'keys', accessKey, secretKey },
    ...changes,
  };
}

export async function newS3Storage(server: S3Server, changes: Partial<S3Options> = {}): Promise<S3Storage> {
  const bucket = await newBucket(server);
  return new S3Storage(realWorld(), s3Options(server, { bucket, ...changes }));
}

/** MinIO's way without a bucket. Its buckets are the same for all storages of a server: they are emptied first. */
export async function newOwnerBuckets(server: S3Server): Promise<S3Storage> {
  const storage = new S3Storage(realWorld(), s3Options(server, { flavour: 'minio' }));
  const { signal } = new AbortController();
  const names: string[] = [];
  for await (const { name } of storage.list('', signal)) names.push(name);
  await storage.deleteMany(names, signal);
  return storage;
}
