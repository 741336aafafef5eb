import { Redis as Client } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisPublisher, type RedisSettings } from '../../src/events/redis-publisher.js';
import { Redis } from '../support/redis.js';

const patience = { timeout: 15_000, interval: 20 };
let redis: Redis;
let settings: RedisSettings;
const publishers: RedisPublisher[] = [];
const heard: string[] = [];
let listener: Client;

beforeAll(async () => {
  redis = await Redis.start();
  const { hostname, port, password } = new URL(redis.url);
  settings = { host: hostname, port: Number(port), password };
  listener = new Client(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  listener.on('error', () => undefined);
  listener.on('message', (channel, text) => heard.push(`${channel} ${text}`));
  await listener.subscribe('chan:workspace-instances', 'chan:prebuilds');
});
afterAll(async () => {
  listener.disconnect();
  await redis.server.stop();
});
afterEach(() => {
  for (const publisher of publishers.splice(0)) publisher.close();
  heard.length = 0;
});

function publisher(changed: Partial<RedisSettings> = {}) {
  const troubles: string[] = [];
  const made = new RedisPublisher(
    { ...settings, ...changed },
    {
      name: 'ws-manager-bridge',
      fraction: () => 0.5,
      onConnected: () => troubles.push('connected'),
      onTrouble: (reason) => troubles.push(reason),
    },
  );
  publishers.push(made);
  return { made, troubles };
}

const event = (channel: string, payload: string) => ({ channel, payload, key: 'i', sequence: 1, at: 0 });

describe('publishing on Redis', () => {
  it('arrives on its channel, in order, under a name', async () => {
    const { made } = publisher();
    await vi.waitFor(() => expect(made.isConnected).toBe(true), patience);
    const payloads = Array.from({ length: 300 }, (_, index) => `{"n":${index}}`);
    await Promise.all(payloads.map((payload) => made.publish(event('chan:workspace-instances', payload))));
    await made.publish(event('chan:prebuilds', '{}'));
    await vi.waitFor(() => expect(heard).toHaveLength(301), patience);
    expect(heard).toEqual([
      ...payloads.map((text) => `chan:workspace-instances ${text}`),
      'chan:prebuilds {}',
    ]);
    const other = new Client(redis.url);
    expect(await other.client('LIST')).toContain('name=ws-manager-bridge');
    other.disconnect();
  });

  it('is refused at once while the server is away, and works again when it is back', async () => {
    const { made, troubles } = publisher();
    await vi.waitFor(() => expect(made.isConnected).toBe(true), patience);
    await redis.server.kill();
    await vi.waitFor(() => expect(made.isConnected).toBe(false), patience);
    await expect(made.publish(event('chan:prebuilds', 'lost'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await redis.server.start();
    await vi.waitFor(() => made.publish(event('chan:prebuilds', 'after')), patience);
    await vi.waitFor(() => expect(heard.at(-1)).toBe('chan:prebuilds after'), patience);
    expect(troubles.filter((text) => text === 'connected')).toHaveLength(2);
  });

  it('on a channel that its account may not use is told from one that fails', async () => {
    const admin = new Client(redis.url);
    await admin.call('ACL', 'SETUSER', 'limited', 'on', '>its-password', '~*', '&chan:prebuilds', '+@all');
    admin.disconnect();
    const { made } = publisher({ username: 'limited', password: 'its-password' });
    await vi.waitFor(() => made.publish(event('chan:prebuilds', 'allowed')), patience);
    await expect(made.publish(event('chan:headless', '{}'))).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('chan:headless'),
    });
    await vi.waitFor(() => expect(heard).toContain('chan:prebuilds allowed'), patience);
  });

  it.each([
    ['a wrong password', { password: 'wrong-secret' }],
    ['an unknown user', { username: 'nobody', password: 'wrong-secret' }],
  ])('with %s is refused and told, without what was tried', async (_, changed) => {
    const { made, troubles } = publisher(changed);
    await vi.waitFor(() => expect(troubles.join()).toMatch(/WRONGPASS|NOAUTH/), patience);
    const error: unknown = await made
      .publish(event('chan:prebuilds', '{}'))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(`${String(error)} ${troubles.join()}`).not.toContain('wrong-secret');
  });
});
