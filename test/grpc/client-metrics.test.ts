import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { ExecResponse, RuntimeServiceService } from '../../src/gen/steward/v1/runtime.js';
import { GetInfoResponse, SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { createClient } from '../../src/grpc/client.js';
import { createClientMetrics } from '../../src/grpc/metrics.js';
import { connectTo, failureOf, startServer } from './running-server.js';

async function start() {
  const registry = new Registry();
  const metrics = createClientMetrics(registry);
  const { addresses } = await startServer((server) => {
    server.addService(SystemServiceService, {
      getInfo: async () => GetInfoResponse.fromPartial({ program: 'test' }),
    });
    server.addService(RuntimeServiceService, {
      logs: async function* ({ instanceId }) {
        if (instanceId === '') throw new StewardError('unknown-instance', 'no such instance');
        yield { data: Buffer.from('a') };
        yield { data: Buffer.from('b') };
      },
      listPorts: async () => {
        throw new StewardError('unavailable', 'not now');
      },
      exec: async function* (requests) {
        for await (const _ of requests) yield ExecResponse.fromPartial({});
      },
    });
  });
  const [address = ''] = addresses;
  return { address, registry, metrics, channel: connectTo(address, { metrics }) };
}

async function drain(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

const labels = (type: string, method: string) =>
  `grpc_type="${type}",grpc_service="steward.v1.RuntimeService",grpc_method="${method}"`;

test('calls and messages are counted by method and status', async () => {
  const { channel, registry } = await start();
  const runtime = createClient(RuntimeServiceService, channel);
  await createClient(SystemServiceService, channel).getInfo({});
  const logs = (instanceId: string) => runtime.logs({ instanceId, follow: false, tailLines: undefined });
  await drain(logs('i'));
  expect(await failureOf(drain(logs('')))).toMatchObject({ code: 'unknown-instance' });
  expect(await failureOf(runtime.listPorts({ instanceId: 'i' }))).toMatchObject({ code: 'unavailable' });
  const requests = async function* () {
    for (const data of ['1', '2', '3'])
      yield { event: { $case: 'stdin' as const, value: Buffer.from(data) } };
  };
  await drain(runtime.exec(requests()));

  const lines = (await registry.metrics()).split('\n').filter((line) => !/_bucket|_sum|^#/.test(line));
  const info = 'grpc_type="unary",grpc_service="steward.v1.SystemService",grpc_method="GetInfo"';
  const [logged, ports, exec] = [
    labels('server_stream', 'Logs'),
    labels('unary', 'ListPorts'),
    labels('bidi_stream', 'Exec'),
  ];
  expect(lines.filter((line) => line !== '').sort()).toEqual(
    [
      `grpc_client_started_total{${info}} 1`,
      `grpc_client_msg_sent_total{${info}} 1`,
      `grpc_client_msg_received_total{${info}} 1`,
      `grpc_client_handled_total{${info},grpc_code="OK"} 1`,
      `grpc_client_handling_seconds_count{${info},grpc_code="OK"} 1`,
      `grpc_client_started_total{${logged}} 2`,
      `grpc_client_msg_sent_total{${logged}} 2`,
      `grpc_client_msg_received_total{${logged}} 2`,
      `grpc_client_handled_total{${logged},grpc_code="OK"} 1`,
      `grpc_client_handled_total{${logged},grpc_code="NotFound"} 1`,
      `grpc_client_handling_seconds_count{${logged},grpc_code="OK"} 1`,
      `grpc_client_handling_seconds_count{${logged},grpc_code="NotFound"} 1`,
      `grpc_client_started_total{${ports}} 1`,
      `grpc_client_msg_sent_total{${ports}} 1`,
      `grpc_client_handled_total{${ports},grpc_code="Unavailable"} 1`,
      `grpc_client_handling_seconds_count{${ports},grpc_code="Unavailable"} 1`,
      `grpc_client_started_total{${exec}} 1`,
      `grpc_client_msg_sent_total{${exec}} 3`,
      `grpc_client_msg_received_total{${exec}} 3`,
      `grpc_client_handled_total{${exec},grpc_code="OK"} 1`,
      `grpc_client_handling_seconds_count{${exec},grpc_code="OK"} 1`,
    ].sort(),
  );
});

test('a stream that its reader leaves, and a server that is not there, are counted as what they ended with', async () => {
  const { channel, metrics, registry } = await start();
  const runtime = createClient(RuntimeServiceService, channel);
  for await (const _ of runtime.logs({ instanceId: 'i', follow: false, tailLines: undefined })) break;
  const nobody = connectTo('unix:/nonexistent/a.sock', { metrics });
  const call = createClient(SystemServiceService, nobody).getInfo({});
  expect(await failureOf(call)).toMatchObject({ code: 'unavailable' });
  const handled = async () =>
    (await registry.metrics()).split('\n').filter((line) => /_handled_total{/.test(line));
  await expect.poll(handled).toHaveLength(2);
  expect((await handled()).join()).toMatch(
    /"Logs",grpc_code="Canceled"} 1.*"GetInfo",grpc_code="Unavailable"} 1/,
  );
});

test('channels that share a registry share its counts, and a closed channel starts nothing', async () => {
  const { address, channel, registry } = await start();
  const other = connectTo(address, { metrics: createClientMetrics(registry) });
  await createClient(SystemServiceService, channel).getInfo({});
  await createClient(SystemServiceService, other).getInfo({});
  other.close();
  expect(await failureOf(createClient(SystemServiceService, other).getInfo({}))).toMatchObject({
    code: 'unavailable',
  });
  const started = async () =>
    /^grpc_client_started_total{[^}]*"GetInfo"} (\d+)$/m.exec(await registry.metrics())?.[1];
  expect([await started(), await started()]).toEqual(['2', '2']);
  await createClient(SystemServiceService, channel).getInfo({});
  expect(await started()).toBe('3');
});
