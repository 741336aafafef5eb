import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  type ExecRequest,
  ExecResponse,
  type LogsRequest,
  type LogsResponse,
  RuntimeServiceService as service,
} from '../../src/gen/steward/v1/runtime.js';
import { STREAM_PENDING_MAX, STREAM_STALL_MS } from '../../src/grpc/bounds.js';
import { createClient } from '../../src/grpc/client.js';
import type { GrpcServerOptions } from '../../src/grpc/server.js';
import type { CallContext, Handlers } from '../../src/grpc/service-types.js';
import { ManualClock } from './manual-clock.js';
import { connectTo, deferred, failureOf, startServer, world } from './running-server.js';

type Logs = (request: LogsRequest, call: CallContext) => AsyncIterable<LogsResponse>;

async function serving(logs: Logs, options: Partial<GrpcServerOptions> = {}) {
  const listPorts = async () => ({ ports: [] });
  const handlers: Handlers<typeof service> = { logs, listPorts, exec: echo };
  const running = await startServer((server) => server.addService(service, handlers), options);
  return { ...running, client: createClient(service, running.connect()) };
}

/** Sends every input back as output, until the input ends. */
async function* echo(requests: AsyncIterable<ExecRequest>): AsyncGenerator<ExecResponse> {
  for await (const { event } of requests) {
    if (event?.$case === 'stdin')
      yield ExecResponse.fromPartial({ event: { $case: 'stdout', value: event.value } });
    if (event?.$case === 'signal') throw new StewardError('process-failed', 'killed');
  }
  yield ExecResponse.fromPartial({ event: { $case: 'exit', value: { end: { $case: 'code', value: 0 } } } });
}

const request: LogsRequest = { instanceId: 'i', follow: true, tailLines: undefined };
const message = (text: string): LogsResponse => ({ data: Buffer.from(text) });
const never = new Promise<never>(() => {});

async function collect(stream: AsyncIterable<LogsResponse>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of stream) texts.push(Buffer.from(data).toString());
  return texts;
}

describe('a stream', () => {
  test('brings all messages in order and ends', async () => {
    const texts = Array.from({ length: 1_000 }, (_, index) => `line ${index}`);
    const { client } = await serving(async function* () {
      for (const text of texts) yield message(text);
    });
    expect(await collect(client.logs(request))).toEqual(texts);
  });

  test('has started before its first message', async () => {
    const { client } = await serving(async function* () {
      yield await never;
    });
    await client.logs(request).started;
  });

  test('begins with the call, not with the reading', async () => {
    const begun = deferred();
    const { client } = await serving(async function* () {
      begun.resolve();
      yield message('x');
    });
    const stream = client.logs(request);
    await begun.promise;
    expect(await collect(stream)).toEqual(['x']);
  });

  test('runs its clean-up and is aborted when the reader leaves', async () => {
    const cleaned = deferred();
    const { client } = await serving(async function* (_, call) {
      try {
        for (let line = 0; !call.signal.aborted; line += 1) yield message(`${line}`);
      } finally {
        cleaned.resolve();
      }
    });
    for await (const _ of client.logs(request)) break;
    await cleaned.promise;
  });

  test('of a handler that ignores its signal is released too', async () => {
    const returned = deferred();
    const { client } = await serving(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => never,
        return: async () => {
          returned.resolve();
          return { done: true, value: undefined };
        },
      }),
    }));
    const stream = client.logs(request);
    await stream.started;
    stream.cancel();
    await returned.promise;
  });

  test('is cancelled by a signal', async () => {
    const { client } = await serving(async function* () {
      yield message('one');
      yield await never;
    });
    const controller = new AbortController();
    const reading = failureOf(
      (async () => {
        for await (const _ of client.logs(request, { signal: controller.signal })) controller.abort();
      })(),
    );
    expect(await reading).toMatchObject({ code: 'cancelled' });
  });
});

describe('a slow reader', () => {
  test('makes the handler wait, and gets everything in the end', async () => {
    let produced = 0;
    const total = 400;
    const chunk = Buffer.alloc(256 * 1024, 'x');
    const { client } = await serving(async function* () {
      for (; produced < total; produced += 1) yield { data: chunk };
    });
    const stream = client.logs(request);
    await stream.started;
    await expect.poll(() => produced).toBeGreaterThan(0);
    const reader = stream[Symbol.asyncIterator]();
    let received = 0;
    for (; received < 3; received += 1) await reader.next();
    // 100 MiB are to come; what waits on both sides is bounded by far less.
    expect(produced).toBeLessThan(total / 2);
    for (let next = await reader.next(); !next.done; next = await reader.next()) received += 1;
    expect(received).toBe(total);
  });

  test('that takes nothing for too long loses the stream, and the handler is released', async () => {
    const clock = new ManualClock();
    const cleaned = deferred();
    let produced = 0;
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const { client } = await serving(
      async function* () {
        try {
          for (; ; produced += 1) yield { data: chunk };
        } finally {
          cleaned.resolve();
        }
      },
      { world: { ...world, clock } },
    );
    const stream = client.logs(request);
    await stream.started;
    await expect.poll(() => clock.waiting).toBeGreaterThan(0);
    clock.advance(STREAM_STALL_MS);
    await cleaned.promise;
    expect(produced).toBeLessThan(STREAM_PENDING_MAX + 2);
    expect(await failureOf(collect(stream))).toMatchObject({ code: 'overloaded' });
  });
});

describe('a failing stream', () => {
  const failing: [string, Logs][] = [
    [
      'at once',
      () => {
        throw new StewardError('unknown-instance', 'no such instance');
      },
    ],
    [
      'before its first message',
      async function* () {
        yield await Promise.reject(new StewardError('unknown-instance', 'no such instance'));
      },
    ],
  ];
  test.each(failing)('that fails %s says why', async (_, logs) => {
    const { client } = await serving(logs);
    expect(await failureOf(collect(client.logs(request)))).toMatchObject({
      code: 'unknown-instance',
      message: 'no such instance',
      entry: { status: status.NOT_FOUND },
    });
  });

  test('brings what came before', async () => {
    const { client } = await serving(async function* () {
      yield message('one');
      yield message('two');
      throw new StewardError('storage-unavailable', 'the bucket is gone');
    });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { data } of client.logs(request)) texts.push(Buffer.from(data).toString());
    })();
    expect(await failureOf(reading)).toMatchObject({ code: 'storage-unavailable' });
    expect(texts).toEqual(['one', 'two']);
  });

  test('hides what nobody foresaw behind an id', async () => {
    const { client, log } = await serving(async function* () {
      yield message('one');
      throw new Error('swordfish');
    });
    const error = await failureOf(collect(client.logs(request)));
    expect(error).toMatchObject({ code: 'internal', message: expect.not.stringContaining('swordfish') });
    expect(log.some((line) => line.includes('swordfish'))).toBe(true);
  });

  test('that gives something else than messages is INTERNAL', async () => {
    const { client } = await serving(() => JSON.parse('7'));
    expect(await failureOf(collect(client.logs(request)))).toMatchObject({ code: 'internal' });
  });

  test('does not pass for a finished one when it is read late', async () => {
    const { client } = await serving(() => {
      throw new StewardError('parked', 'it is parked');
    });
    const stream = client.logs(request);
    await failureOf(stream.started);
    expect(await failureOf(collect(stream))).toMatchObject({ code: 'parked' });
  });

  test('of a server that is not there is unavailable', async () => {
    const client = createClient(service, connectTo('unix:/nonexistent/test.sock'));
    expect(await failureOf(collect(client.logs(request)))).toMatchObject({ code: 'unavailable' });
  });
});

describe('streams in both directions', () => {
  const input = (text: string): ExecRequest => ({ event: { $case: 'stdin', value: Buffer.from(text) } });

  test('bring every message there and back', async () => {
    const { client } = await serving(async function* () {});
    async function* inputs() {
      for (let line = 0; line < 200; line += 1) yield input(`line ${line}`);
    }
    const outputs: string[] = [];
    for await (const { event } of client.exec(inputs())) {
      if (event?.$case === 'stdout') outputs.push(Buffer.from(event.value).toString());
      if (event?.$case === 'exit') outputs.push('exit');
    }
    expect(outputs).toHaveLength(201);
    expect(outputs.at(-2)).toBe('line 199');
    expect(outputs.at(-1)).toBe('exit');
  });

  test('end with the failure of the handler, while requests are open', async () => {
    const { client } = await serving(async function* () {});
    async function* inputs(): AsyncGenerator<ExecRequest> {
      yield { event: { $case: 'signal', value: 9 } };
      yield await never;
    }
    const reading = (async () => {
      for await (const _ of client.exec(inputs()));
    })();
    expect(await failureOf(reading)).toMatchObject({ code: 'process-failed', message: 'killed' });
  });

  test('release the source of the requests when they end', async () => {
    const { client } = await serving(async function* () {});
    const released = deferred();
    const requests: ExecRequest[] = [{ event: { $case: 'signal', value: 9 } }];
    const source: AsyncIterable<ExecRequest> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = requests.shift();
          return value === undefined ? never : { done: false, value };
        },
        return: async () => {
          released.resolve();
          return { done: true, value: undefined };
        },
      }),
    };
    await failureOf(client.exec(source)[Symbol.asyncIterator]().next());
    await released.promise;
  });

  test('are cancelled when the source of the requests fails', async () => {
    const { client } = await serving(async function* () {});
    async function* inputs(): AsyncGenerator<ExecRequest> {
      yield input('one');
      throw new Error('the terminal is gone');
    }
    const reading = (async () => {
      for await (const _ of client.exec(inputs()));
    })();
    expect(await failureOf(reading)).toMatchObject({ code: 'cancelled' });
  });
});
