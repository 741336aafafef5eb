import { expect, it, vi } from 'vitest';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { S3Connection } from '../../../src/storage/s3/connection.js';

it('says nothing of the version of Node where it is loaded, and hides no other warning', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const connection = new S3Connection(SimulatedWorld.fromSeed(1).files, {
    flavour: 's3',
    bucket: 'steward',
    region: 'eu-central-1',
    pathStyle: true,
    parallelUpload: 1,
    credentials: { kind: 'keys', accessKey: 'a', secretKey: 's' },
  });
  await connection.raw(async ({ client }) => client.config.region());
  expect(warn).not.toHaveBeenCalled();
  process.emitWarning('something else');
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});
