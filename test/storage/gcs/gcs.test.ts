import { afterAll, beforeAll } from 'vitest';
import { realWorld } from '../../../src/gateways/real/world.js';
import { GcsStorage } from '../../../src/storage/gcs/storage.js';
import { GcsServer } from '../../support/gcs-server.js';
import { conformsToObjectStorage } from '../conformance.js';

let server: GcsServer;

beforeAll(async () => {
  server = await GcsServer.start();
});
afterAll(() => server.stop());

conformsToObjectStorage('buckets of Google Cloud Storage', async () => {
  server.buckets.clear();
  return newStorage();
});

function newStorage(): GcsStorage {
  const { endpoint } = server;
  return new GcsStorage(realWorld(), { stage: 'dev', project: 'p', region: 'europe-west1', endpoint });
}
