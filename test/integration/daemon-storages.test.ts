import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonConfigInput } from '../../src/daemon/config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { S3Storage } from '../../src/storage/s3/storage.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { GcsServer } from '../support/gcs-server.js';
import { emptyWorkspace, realDaemon } from '../support/real-daemon.js';
import { newBucket, s3Options } from '../support/s3-storage.js';
import { startS3rver } from '../support/s3rver.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { signal } = new AbortController();
type Storage = NonNullable<DaemonConfigInput['storage']>;

describe('a daemon with another storage by configuration alone', () => {
  let s3: Awaited<ReturnType<typeof startS3rver>>;
  let proxy: FaultProxy;
  let gcs: GcsServer;
  beforeAll(async () => {
    s3 = await startS3rver();
    proxy = await FaultProxy.before(s3.endpoint);
    gcs = await GcsServer.start();
  });
  beforeEach(() => {
    proxy.rule = () => undefined;
  });
  afterAll(async () => {
    await proxy.stop();
    await s3.stop();
    await gcs.stop();
  });

  const inS3 = async (): Promise<Extract<Storage, { kind: 's3' }>> => {
    const { accessKey, secretKey } = s3;
    return { kind: 's3', bucket: await newBucket(s3), endpoint: proxy.endpoint, accessKey, secretKey };
  };

  it.each<[string, () => Promise<Storage>]>([
    ['S3', inS3],
    [
      'MinIO with a bucket per owner',
      async () => {
        const { accessKey, secretKey } = s3;
        const endpoint = s3.endpoint.replace('http://', '');
        return { kind: 'minio', endpoint, secure: false, accessKey, secretKey };
      },
    ],
    [
      'Google Cloud Storage',
      async () => ({ kind: 'gcs', stage: 'dev', project: 'p', region: 'r', endpoint: gcs.endpoint }),
    ],
  ])('brings content back from %s', async (_, storage) => {
    const folder = await temporaryFolder();
    const daemon = await realDaemon(folder, { storage: await storage() });
    try {
      await daemon.content.initWorkspace(emptyWorkspace('i1'));
      await writeFile(join(contentOf(folder, 'i1'), 'work.txt'), 'not to be lost');
      const { url } = await daemon.content.backupWorkspace({ id: 'i1' });
      expect(url).toMatch(/^[^@]+\.manifest\.json@[^@]+$/);
      await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
      await expect(stat(contentOf(folder, 'i1'))).rejects.toThrow(/ENOENT/);
      await daemon.content.initWorkspace(emptyWorkspace('i2'));
      expect(await readFile(join(contentOf(folder, 'i2'), 'work.txt'), 'utf8')).toBe('not to be lost');
    } finally {
      await daemon.close();
    }
  });

  it('is not ready while the storage refuses its keys, says so without them, and is ready when they are right', async () => {
    const folder = await temporaryFolder();
    const keys = join(folder, 'keys');
    await mkdir(keys);
    const { accessKey: _, secretKey: __, ...said } = await inS3();
    const accessKeyFile = join(keys, 'access');
    const secretKeyFile = join(keys, 'secret');
    await writeFile(accessKeyFile, 'nobody');
    await writeFile(secretKeyFile, 'not-to-be-told');
    const daemon = await realDaemon(folder, { storage: { ...said, accessKeyFile, secretKeyFile } });
    const storageCondition = async () => {
      const { conditions } = await daemon.system.getInfo({});
      return conditions.find(({ name }) => name === 'storage');
    };
    try {
      const refused = await storageCondition();
      expect(refused).toMatchObject({ ready: false });
      expect(refused?.message).toContain('does not know the access key');
      expect(refused?.message).not.toContain('not-to-be-told');
      await writeFile(accessKeyFile, s3.accessKey);
      await writeFile(secretKeyFile, s3.secretKey);
      await expect.poll(storageCondition, { timeout: 20_000 }).toMatchObject({ ready: true });
    } finally {
      await daemon.close();
    }
  });

  it('keeps the content while the storage is down, and saves it when it is back', async () => {
    const folder = await temporaryFolder();
    const storage = await inS3();
    const limits = { pauseMin: '50ms', pauseMax: '100ms' };
    const daemon = await realDaemon(folder, { storage, limits });
    try {
      await daemon.content.initWorkspace(emptyWorkspace('i1'));
      await writeFile(join(contentOf(folder, 'i1'), 'work.txt'), 'not to be lost');
      proxy.rule = () => ({ kind: 'cut-request', afterBytes: 0 });
      const stop = { id: 'i1', backup: true, backupLogs: false };
      await expect(daemon.content.disposeWorkspace(stop)).rejects.toThrow();
      expect(await readFile(join(contentOf(folder, 'i1'), 'work.txt'), 'utf8')).toBe('not to be lost');
      proxy.rule = () => undefined;
      await daemon.content.disposeWorkspace(stop);
      await daemon.content.initWorkspace(emptyWorkspace('i2'));
      expect(await readFile(join(contentOf(folder, 'i2'), 'work.txt'), 'utf8')).toBe('not to be lost');
    } finally {
      await daemon.close();
    }
  });

  it('writes full.tar where other tools look for it, when asked to', async () => {
    const folder = await temporaryFolder();
    const storage = await inS3();
    const daemon = await realDaemon(folder, { storage, backup: { fullTar: true } });
    try {
      await daemon.content.initWorkspace(emptyWorkspace('i1'));
      await writeFile(join(contentOf(folder, 'i1'), 'work.txt'), 'plain to see');
      await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    } finally {
      await daemon.close();
    }
    const plain = new S3Storage(realWorld(), s3Options(s3, { bucket: storage.bucket }));
    const names: string[] = [];
    for await (const { name } of plain.list('', signal)) names.push(name);
    const name = names.find((each) => each.endsWith('/full.tar')) ?? '';
    const object = await plain.get(name, { signal });
    expect(object && String(await buffer(object))).toContain('plain to see');
  });
});

function contentOf(folder: string, instance: string): string {
  return join(folder, 'daemon', 'workspaces', instance);
}
