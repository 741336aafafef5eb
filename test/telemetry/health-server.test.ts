import { Counter } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RealClock } from '../../src/gateways/real/clock.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import {
  type Condition,
  type HealthServerOptions,
  startHealthServer,
} from '../../src/telemetry/health-server.js';
import { createRegistry } from '../../src/telemetry/metrics-registry.js';

describe('the endpoint for metrics and health', () => {
  it('serves metrics with the name of the program', async () => {
    const registry = createRegistry('daemon');
    new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
    const { get } = await start({ registry });
    expect((await get('/metrics')).body).toContain('things_total{program="daemon"} 3');
  });

  it('says that it lives, and whether it is ready and why not', async () => {
    let conditions: Condition[] = [{ name: 'storage', ready: true }];
    const { get } = await start({ conditions: async () => conditions });
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    expect((await get('/readyz')).status).toBe(200);
    conditions = [{ name: 'storage', ready: false, message: 'the folder has vanished' }];
    const answer = await get('/readyz');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual({ ready: false, conditions });
  });

  it('is not ready when the conditions cannot be told', async () => {
    const { get } = await start({
      conditions: async () => {
        throw new Error('secret details');
      },
    });
    const { status, body } = await get('/readyz');
    expect(status).toBe(503);
    expect(body).not.toContain('secret');
  });

  it('is not ready when the conditions cannot be told in time', async () => {
    const clock = new SimulatedClock();
    const asked = { resolve: () => {} };
    const isAsked = new Promise<void>((resolve) => {
      asked.resolve = resolve;
    });
    const conditions = () => {
      asked.resolve();
      return new Promise<Condition[]>(() => undefined);
    };
    const { get } = await start({ clock, conditions });
    const answer = get('/readyz');
    await isAsked;
    await clock.advance(10_000);
    expect((await answer).status).toBe(503);
  });

  it('answers nothing else', async () => {
    const { get } = await start({});
    expect((await get('/etc/passwd')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.evil.example'])(
    'refuses %s unless told that this is meant',
    async (host) => {
      await expect(start({ host })).rejects.toMatchObject({ code: 'invalid-config' });
    },
  );

  it('says when the port is in use', async () => {
    const { port } = await start({});
    await expect(start({ port })).rejects.toMatchObject({ code: 'address-in-use' });
  });
});

async function start(options: Partial<HealthServerOptions>) {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    insecure: false,
    registry: createRegistry('test'),
    clock: new RealClock(),
    conditions: async () => [],
    ...options,
  });
  onTestFinished(() => server.close());
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
  return { port: server.port, get };
}
