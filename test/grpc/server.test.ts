import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../src/gen/grpc/health/v1/health.js';
import { RuntimeServiceService } from '../../src/gen/steward/v1/runtime.js';
import { GetInfoResponse, SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { createClient } from '../../src/grpc/client.js';
import type { GrpcServer } from '../../src/grpc/server.js';
import type { Handlers } from '../../src/grpc/service-types.js';
import { deferred, failureOf, startServer } from './running-server.js';

const never = new Promise<never>(() => {});
const addInfo = (server: GrpcServer) =>
  server.addService(SystemServiceService, {
    getInfo: async () => GetInfoResponse.fromPartial({ program: 'test', startedMs: 12n }),
  });

describe('reflection', () => {
  const buf = (address: string, ...args: string[]) =>
    promisify(execFile)(join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'buf'), [
      'curl',
      '--protocol=grpc',
      '--http2-prior-knowledge',
      ...args.slice(0, -1),
      `http://${address}${args.at(-1)}`,
    ]);

  test('tells a client without any .proto files what there is and how to call it', async () => {
    const { server, addresses } = await startServer(addInfo, { addresses: ['127.0.0.1:0'] });
    server.setServing(true);
    const address = addresses[0] ?? '';
    const services = await buf(address, '--list-services', '');
    expect(services.stdout.trim().split('\n')).toEqual(['grpc.health.v1.Health', 'steward.v1.SystemService']);
    const info = await buf(address, '--data={}', '/steward.v1.SystemService/GetInfo');
    expect(JSON.parse(info.stdout)).toEqual({ program: 'test', startedMs: '12' });
    const health = await buf(address, '--data={}', '/grpc.health.v1.Health/Check');
    expect(JSON.parse(health.stdout)).toEqual({ status: 'SERVING' });
  }, 60_000);
});

describe('health', () => {
  test('follows readiness, as a whole and per service', async () => {
    const { server, connect } = await startServer(addInfo);
    const health = createClient(HealthService, connect());
    const both = async () => [
      (await health.check({ service: '' })).status,
      (await health.check({ service: 'steward.v1.SystemService' })).status,
    ];
    expect(await both()).toEqual([ServingStatus.NOT_SERVING, ServingStatus.NOT_SERVING]);
    server.setServing(true);
    expect(await both()).toEqual([ServingStatus.SERVING, ServingStatus.SERVING]);
    server.setServing(false, 'steward.v1.SystemService');
    expect(await both()).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
    const unknown = health.check({ service: 'no.such.Service' });
    expect(await failureOf(unknown)).toMatchObject({ entry: { status: status.NOT_FOUND } });
  });
});

describe('metrics', () => {
  test('count calls and messages by method and status, and measure them', async () => {
    const { registry, connect } = await startServer((server) => {
      addInfo(server);
      server.addService(RuntimeServiceService, {
        logs: async function* ({ instanceId }) {
          if (instanceId === '') throw new StewardError('invalid-argument', 'instance_id is empty');
          yield { data: Buffer.from('a') };
          yield { data: Buffer.from('b') };
        },
        listPorts: async () => ({ ports: [] }),
        exec: async function* () {},
      });
    });
    const channel = connect();
    await createClient(SystemServiceService, channel).getInfo({});
    const runtime = createClient(RuntimeServiceService, channel);
    for (const instanceId of ['i', 'i', '']) {
      const logs = runtime.logs({ instanceId, follow: false, tailLines: undefined });
      await (async () => {
        for await (const _ of logs);
      })().catch(() => {});
    }
    const text = await registry.metrics();
    const info = 'grpc_type="unary",grpc_service="steward.v1.SystemService",grpc_method="GetInfo"';
    const logs = 'grpc_type="server_stream",grpc_service="steward.v1.RuntimeService",grpc_method="Logs"';
    expect(text).toContain(`grpc_server_started_total{${info}} 1\n`);
    expect(text).toContain(`grpc_server_handled_total{${info},grpc_code="OK"} 1\n`);
    expect(text).toContain(`grpc_server_started_total{${logs}} 3\n`);
    expect(text).toContain(`grpc_server_handled_total{${logs},grpc_code="OK"} 2\n`);
    expect(text).toContain(`grpc_server_handled_total{${logs},grpc_code="InvalidArgument"} 1\n`);
    expect(text).toContain(`grpc_server_msg_received_total{${logs}} 3\n`);
    expect(text).toContain(`grpc_server_msg_sent_total{${logs}} 4\n`);
    expect(text).toContain(`grpc_server_handling_seconds_count{${logs}} 3\n`);
    expect(text).toMatch(/grpc_server_handling_seconds_bucket\{le="0\.005",/);
    // A method nobody has called yet is there with zero, so that rates begin at its first call.
    expect(text).toMatch(/grpc_server_started_total\{[^}]*grpc_method="Exec"\} 0\n/);
  });
});

describe('stop', () => {
  async function withHangingCalls() {
    const begun = [deferred(), deferred()] as const;
    const finish = deferred();
    const running = await startServer((server) => {
      server.addService(SystemServiceService, {
        getInfo: async () => {
          begun[0].resolve();
          await finish.promise;
          return GetInfoResponse.fromPartial({ program: 'late' });
        },
      });
      server.addService(RuntimeServiceService, {
        logs: async function* () {
          begun[1].resolve();
          yield await never;
        },
        listPorts: async () => ({ ports: [] }),
        exec: async function* () {},
      });
    });
    const channel = running.connect();
    const info = createClient(SystemServiceService, channel).getInfo({});
    const logs = createClient(RuntimeServiceService, channel).logs({
      instanceId: 'i',
      follow: true,
      tailLines: undefined,
    });
    const reading = failureOf(logs[Symbol.asyncIterator]().next());
    await Promise.all(begun.map(({ promise }) => promise));
    return { ...running, finish, info, reading };
  }

  test('ends streams at once and waits for what can finish', async () => {
    const { server, finish, info, reading } = await withHangingCalls();
    const stopped = server.stop(600_000);
    expect(await reading).toMatchObject({ code: 'unavailable', message: 'the program is stopping' });
    finish.resolve();
    expect((await info).program).toBe('late');
    expect(await stopped).toBe('clean');
  });

  test('ends what does not finish in time, and tells its caller why', async () => {
    const { server, info, connect } = await withHangingCalls();
    const failure = failureOf(info);
    expect(await server.stop(20)).toBe('forced');
    expect(await failure).toMatchObject({ code: 'unavailable', message: 'the program is stopping' });
    const late = createClient(SystemServiceService, connect()).getInfo({});
    expect(await failureOf(late)).toMatchObject({ code: 'unavailable' });
  });

  test('is not held up by those who watch the health', async () => {
    const { server, connect } = await startServer(addInfo);
    const seen: number[] = [];
    const told = deferred();
    const watching = (async () => {
      for await (const { status: now } of createClient(HealthService, connect()).watch({ service: '' })) {
        seen.push(now);
        told.resolve();
      }
    })();
    await told.promise;
    server.setServing(true);
    expect(await server.stop(600_000)).toBe('clean');
    await watching.catch(() => {});
    expect(seen).toEqual([ServingStatus.NOT_SERVING, ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  });

  test('lets streams finish whose methods ask for it', async () => {
    const begun = deferred();
    const finish = deferred();
    const { server, connect } = await startServer((server) => {
      const handlers: Handlers<typeof RuntimeServiceService> = {
        logs: async function* () {
          begun.resolve();
          await finish.promise;
          yield { data: Buffer.from('all') };
        },
        listPorts: async () => ({ ports: [] }),
        exec: async function* () {},
      };
      server.addService(RuntimeServiceService, handlers, { methods: { logs: { onStop: 'finish' } } });
    });
    const runtime = createClient(RuntimeServiceService, connect());
    const logs = runtime
      .logs({ instanceId: 'i', follow: true, tailLines: undefined })
      [Symbol.asyncIterator]();
    const first = logs.next();
    await begun.promise;
    const stopped = server.stop(600_000);
    finish.resolve();
    expect((await first).value?.data.toString()).toBe('all');
    expect((await logs.next()).done).toBe(true);
    expect(await stopped).toBe('clean');
  });

  test('may be asked for twice, and leaves no socket behind', async () => {
    const { server, addresses } = await startServer(addInfo);
    expect(await Promise.all([server.stop(), server.stop()])).toEqual(['clean', 'clean']);
    expect(await failureOf(stat((addresses[0] ?? '').replace('unix:', '')))).toMatchObject({
      code: 'ENOENT',
    });
  });
});
