import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { startBridge } from '../../src/bridge/start-bridge.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A Redis that answers nothing, and who is connected to it. */
async function silentRedis() {
  const connected = new Set<Socket>();
  const port = await listening(
    createServer((socket) => {
      connected.add(socket);
      socket.on('error', () => undefined).on('close', () => connected.delete(socket));
      socket.resume();
    }),
  );
  return { url: `redis://127.0.0.1:${port}`, connected };
}

it.each(['http', 'gRPC'])(
  'a start that fails because its %s port is taken leaves nothing running',
  async (kind) => {
    const folder = await temporaryFolder();
    const port = await listening(createServer());
    const redis = await silentRedis();
    const socket = `unix:${join(folder, 'b.sock')}`;
    const config = bridgeConfigSchema.parse({
      databaseFile: join(folder, 'steward.db'),
      redis: redis.url,
      ...(kind === 'http' ? { listen: [socket], http: { port } } : { listen: [socket, `127.0.0.1:${port}`] }),
    });
    const options = { world, logger: pino({ level: 'silent' }), registry: new Registry(), version: '0.0.0' };
    await expect(startBridge(config, options)).rejects.toMatchObject({ code: 'address-in-use' });
    const channel = createChannel(socket, { clock: world.clock });
    onTestFinished(() => channel.close());
    await expect(createClient(SystemServiceService, channel).getInfo({})).rejects.toMatchObject({
      code: 'unavailable',
    });
    await vi.waitFor(() => expect(redis.connected.size).toBe(0), { timeout: 10_000 });
  },
);
