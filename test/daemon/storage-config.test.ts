import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load-config.js';
import { openStorage } from '../../src/daemon/open-storage.js';
import { storageSchema } from '../../src/daemon/storage-config.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';

const keys = { accessKey: 'AK', secretKey: 'top secret' };
const s3 = { kind: 's3', bucket: 'backups' };
const minio = { kind: 'minio', endpoint: 'minio:9000', ...keys };
const gcs = { kind: 'gcs', stage: 'prod', project: 'p', region: 'europe-west1' };

describe('the storage part of the configuration', () => {
  it.each([
    ['a directory without its kind', { folder: '/objects' }, 'ada/workspaces/loom/full.tar@steward'],
    ['AWS with the keys of the machine', s3, 'ada/workspaces/loom/full.tar@backups'],
    [
      'another S3 server',
      { ...s3, ...keys, endpoint: 'http://127.0.0.1:9000' },
      'ada/workspaces/loom/full.tar@backups',
    ],
    ['MinIO, a bucket for each owner', minio, 'workspaces/loom/full.tar@gitpod-user-ada'],
    ['MinIO, one bucket', { ...minio, bucket: 'all' }, 'ada/workspaces/loom/full.tar@all'],
    ['Google Cloud Storage', gcs, 'workspaces/loom/full.tar@gitpod-prod-user-ada'],
  ])('takes %s, and tells where it keeps things', async (_, said, url) => {
    const config = await load({ storage: said });
    const world = SimulatedWorld.fromSeed(1);
    const storage = openStorage(world, config.storage, '/witness', new Registry());
    expect(storage.urlOf('ada/workspaces/loom/full.tar')).toBe(url);
    expect(storage.nameOf(url)).toBe('ada/workspaces/loom/full.tar');
  });

  it.each([
    ['a kind that is not there', { kind: 'tape' }, 'storage.kind'],
    ['a key of another kind', { folder: '/x', region: 'r' }, 'storage.region: there is no such key'],
    ['a misspelt key', { ...s3, buckett: 'x' }, 'storage.buckett: there is no such key'],
    ['S3 without a bucket', { kind: 's3' }, 'storage.bucket'],
    ['half of a key pair', { ...s3, accessKey: 'AK' }, 'storage.secretKey: is required with accessKey'],
    ['two sources of keys', { ...s3, ...keys, credentialsFile: '/c' }, 'storage.credentialsFile: cannot be'],
    ['MinIO without keys', { kind: 'minio', endpoint: 'minio:9000' }, 'storage.accessKey'],
    ['MinIO without an address', { ...minio, endpoint: undefined }, 'storage.endpoint'],
    ['an address with credentials', { ...s3, endpoint: 'http://u:top%20secret@h' }, 'storage.endpoint'],
    ['Google Cloud Storage without a region', { ...gcs, region: undefined }, 'storage.region'],
    ['a stage that nobody has', { ...gcs, stage: 'test' }, 'storage.stage'],
  ])('refuses %s, and names the key', async (_, said, expected) => {
    const loading = load({ storage: said });
    await expect(loading).rejects.toMatchObject({ code: 'invalid-config' });
    await expect(loading).rejects.toThrow(expected);
    await expect(loading).rejects.not.toThrow('secret@');
  });

  it('takes keys from the environment', async () => {
    const env = { STEWARD_TEST_STORAGE_ACCESS_KEY: 'AK', STEWARD_TEST_STORAGE_SECRET_KEY: '123' };
    const config = await load({ storage: s3 }, env);
    expect(config.storage).toMatchObject({ accessKey: 'AK', secretKey: '123' });
  });
});

async function load(file: object, env: Readonly<Record<string, string>> = {}) {
  const world = SimulatedWorld.fromSeed(1);
  await world.files.write('/config.json', JSON.stringify(file));
  const schema = z.strictObject({ storage: storageSchema });
  return loadConfig(world.files, schema, { file: '/config.json', env, envPrefix: 'STEWARD_TEST' });
}
