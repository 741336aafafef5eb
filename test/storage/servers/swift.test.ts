import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { newOwnerBuckets, newS3Storage } from '../../support/s3-storage.js';
import { type S3Server, startSwift } from '../../support/swift.js';
import { conformsToObjectStorage } from '../conformance.js';
import { bearsTrouble } from '../s3/troubles.js';

let server: S3Server;
let stop: () => Promise<void>;

beforeAll(async () => {
  const running = await startSwift(await mkdtemp(join(tmpdir(), 'steward-swift-')));
  server = running;
  stop = running.stop;
});
afterAll(() => stop?.());

conformsToObjectStorage('a bucket of OpenStack Swift', () => newS3Storage(server));

conformsToObjectStorage('a bucket per owner of OpenStack Swift', () => newOwnerBuckets(server));
bearsTrouble('OpenStack Swift', () => server, { listsUploads: true, checksSecrets: true });
