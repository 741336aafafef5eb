import { Readable } from 'node:stream';
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realWorld } from '../../../src/gateways/real/world.js';
import { S3Storage } from '../../../src/storage/s3/storage.js';
import { isNamedS3Server, truthfulS3Server } from '../../support/s3-server.js';
import {
  newBucket,
  newOwnerBuckets,
  newS3Storage,
  plainClient,
  s3Options,
} from '../../support/s3-storage.js';
import type { RunningSwift } from '../../support/swift.js';
import { conformsToObjectStorage } from '../conformance.js';
import { bearsTrouble } from '../s3/troubles.js';

const { signal } = new AbortController();
let server: RunningSwift;

beforeAll(async () => {
  server = await truthfulS3Server();
});
afterAll(() => server?.stop());

/**
 * What Swift 2.30 taught: it answers 501 to `If-None-Match` on a PUT and takes no notice of it when parts become an
 * object, wants Content-MD5 when many objects are deleted, and ends a HEAD that fails with the end of a chunked
 * body, which costs the connection.
 */
conformsToObjectStorage('a bucket of a real server', () => newS3Storage(server));

// The names of these buckets are fixed, and they are emptied: never on a server of somebody else.
if (!isNamedS3Server()) conformsToObjectStorage('a bucket per owner', () => newOwnerBuckets(server));

bearsTrouble('a real server', () => server, { listsUploads: true, checksSecrets: true });

describe('S3Storage on a real server', () => {
  it('gives links that read and write one object without keys', async () => {
    const storage = await newS3Storage(server);
    const write = await fetch(await storage.sign('a/1', 'write', signal), { method: 'PUT', body: 'by link' });
    expect(write.status).toBe(200);
    const read = await fetch(await storage.sign('a/1', 'read', signal));
    expect(await read.text()).toBe('by link');
    const other = (await storage.sign('a/1', 'read', signal)).replace('/a/1', '/a/2');
    expect((await fetch(other)).status).toBe(403);
  });

  it('keeps annotations and the type of content where other tools look for them', async () => {
    const bucket = await newBucket(server);
    const storage = new S3Storage(realWorld(), s3Options(server, { bucket }));
    const options = {
      signal,
      contentType: 'application/x-tar',
      annotations: { 'gitpod-digest': 'sha256:1' },
    };
    await storage.put('a/1', Readable.from(['x']), options);
    const answer = await fetch(await storage.sign('a/1', 'read', signal));
    expect(answer.headers.get('content-type')).toBe('application/x-tar');
    expect(answer.headers.get('x-amz-meta-gitpod-digest')).toBe('sha256:1');
  });

  it('lists all pages, and deletes what it listed', async () => {
    const storage = await newS3Storage(server);
    const names = Array.from({ length: 45 }, (_, index) => `a/${String(index).padStart(4, '0')}`);
    await Promise.all(names.map((name) => storage.put(name, Readable.from(['x']), { signal })));
    const listed: string[] = [];
    for await (const { name } of storage.list('a/', signal)) listed.push(name);
    expect(listed).toEqual(names);
    await storage.deleteMany(['a/missing', ...names], signal);
    for await (const { name } of storage.list('', signal)) expect(name).toBeUndefined();
  });

  it('ends uploads in parts of long ago, and no younger ones', async () => {
    const bucket = await newBucket(server);
    const client = plainClient(server);
    for (const key of ['a/1', 'a/2']) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
    }
    const world = realWorld();
    const inThreeDays = { ...world, clock: { ...world.clock, now: () => Date.now() + 3 * 24 * 3_600_000 } };
    const options = s3Options(server, { bucket });
    expect(await new S3Storage(world, options).sweep(signal)).toBe(0);
    expect(await new S3Storage(inThreeDays, options).sweep(signal)).toBe(2);
    expect(await new S3Storage(inThreeDays, options).sweep(signal)).toBe(0);
  });
});
