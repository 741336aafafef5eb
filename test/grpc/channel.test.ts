import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GetInfoResponse, SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { createClient } from '../../src/grpc/client.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { connectTo, failureOf, startServer } from './running-server.js';

const start = (address: string) =>
  startServer(
    (server) =>
      server.addService(SystemServiceService, {
        getInfo: async () => GetInfoResponse.fromPartial({ program: 'test' }),
      }),
    { addresses: [address] },
  );

test('a channel waits for a server that is still starting', async () => {
  const address = `unix:${join(await temporaryFolder(), 'a.sock')}`;
  const channel = connectTo(address);
  const ready = channel.waitForReady(60_000);
  expect(channel.isReady()).toBe(false);
  await start(address);
  await ready;
  expect(channel.isReady()).toBe(true);
});

test('a channel says when nobody came in time', async () => {
  const channel = connectTo('unix:/nonexistent/a.sock');
  expect(await failureOf(channel.waitForReady(50))).toMatchObject({ code: 'unavailable' });
});

test('a channel finds its server again after a restart', async () => {
  const address = `unix:${join(await temporaryFolder(), 'a.sock')}`;
  const first = await start(address);
  const channel = connectTo(address);
  const client = createClient(SystemServiceService, channel);
  await client.getInfo({});
  await first.server.stop();
  await start(address);
  const program = () =>
    client.getInfo({}).then(
      (info) => info.program,
      () => 'not yet',
    );
  await expect.poll(program).toBe('test');
});
