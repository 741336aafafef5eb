import type { Registry } from 'prom-client';
import type { World } from '../gateways/world.js';
import { DirectoryStorage } from '../storage/directory.js';
import { GcsStorage } from '../storage/gcs/storage.js';
import { MeasuredStorage } from '../storage/measured.js';
import type { ObjectStorage } from '../storage/object-storage.js';
import { RetryingStorage } from '../storage/retrying.js';
import type { S3CredentialSource, S3Options } from '../storage/s3/options.js';
import { S3Storage } from '../storage/s3/storage.js';
import type { StorageConfig } from './storage-config.js';

/** The configured storage, with retries and metrics. Touches nothing yet. */
export function openStorage(
  world: World,
  config: StorageConfig,
  witness: string,
  registry: Registry,
): ObjectStorage {
  const storage = new RetryingStorage(backend(world, config, witness), world);
  return new MeasuredStorage(storage, world.clock, registry, config.kind);
}

function backend(world: World, config: StorageConfig, witness: string): ObjectStorage {
  switch (config.kind) {
    case 'directory':
      return new DirectoryStorage(world, { folder: config.folder, witness, bucket: config.bucket });
    case 's3':
    case 'minio':
      return new S3Storage(world, s3Options(config));
    case 'gcs': {
      const { stage, project, region, credentialsFile, endpoint } = config;
      return new GcsStorage(world, {
        stage,
        project,
        region,
        ...(credentialsFile === undefined ? {} : { credentialsFile }),
        ...(endpoint === undefined ? {} : { endpoint: withScheme(endpoint, true) }),
      });
    }
  }
}

function s3Options(config: Extract<StorageConfig, { kind: 's3' | 'minio' }>): S3Options {
  const { kind, endpoint, region, bucket, secure, caFile, parallelUpload } = config;
  const saidPathStyle = config.kind === 's3' ? config.pathStyle : true;
  return {
    flavour: kind,
    region,
    parallelUpload,
    pathStyle: saidPathStyle ?? endpoint !== undefined,
    credentials: credentialsIn(config),
    ...(endpoint === undefined ? {} : { endpoint: withScheme(endpoint, secure) }),
    ...(bucket === undefined ? {} : { bucket }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function credentialsIn(config: Extract<StorageConfig, { kind: 's3' | 'minio' }>): S3CredentialSource {
  const { accessKey, secretKey, accessKeyFile, secretKeyFile } = config;
  if (accessKey !== undefined && secretKey !== undefined) return { kind: 'keys', accessKey, secretKey };
  if (accessKeyFile !== undefined && secretKeyFile !== undefined) {
    return { kind: 'key-files', accessKeyFile, secretKeyFile };
  }
  const file = config.kind === 's3' ? config.credentialsFile : undefined;
  return file === undefined ? { kind: 'default-chain' } : { kind: 'credentials-file', file };
}

function withScheme(endpoint: string, secure: boolean): string {
  const bare = endpoint.replace(/\/$/, '');
  return /^https?:/.test(bare) ? bare : `${secure ? 'https' : 'http'}://${bare}`;
}
