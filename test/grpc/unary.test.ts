import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  IsWorkspaceExistsRequest,
  type IsWorkspaceExistsResponse,
  WorkspaceContentServiceService as service,
  TakeSnapshotRequest,
} from '../../src/gen/ws-daemon-api/daemon.js';
import { createClient } from '../../src/grpc/client.js';
import { RemoteError } from '../../src/grpc/remote-error.js';
import type { CallContext, Handlers, ServiceOptions } from '../../src/grpc/service-types.js';
import { connectTo, deferred, failureOf, startServer, world } from './running-server.js';

type Service = typeof service;
type Exists = (request: IsWorkspaceExistsRequest, call: CallContext) => Promise<IsWorkspaceExistsResponse>;

/** A server whose IsWorkspaceExists is the handler under test. */
async function serving(
  isWorkspaceExists: Exists,
  options: ServiceOptions<Service> = {},
  limitBytes = 1 << 20,
) {
  const other = async () => {
    throw new StewardError('not-implemented', 'not part of this test');
  };
  const handlers: Handlers<Service> = {
    initWorkspace: other,
    waitForInit: other,
    takeSnapshot: async ({ id }) => ({ url: id.repeat(1000) }),
    disposeWorkspace: other,
    backupWorkspace: other,
    isWorkspaceExists,
  };
  const running = await startServer((server) => server.addService(service, handlers, options), {
    messageLimitBytes: limitBytes,
  });
  return { ...running, client: createClient(service, running.connect()) };
}

const never = new Promise<never>(() => {});

describe('answers', () => {
  test('reach the caller', async () => {
    const { client } = await serving(async ({ id }) => ({ exists: id === 'a' }));
    expect(await client.isWorkspaceExists({ id: 'a' })).toEqual({ exists: true });
    expect(await client.isWorkspaceExists({ id: 'b' })).toEqual({ exists: false });
  });

  test('tell the handler who calls what, with which metadata and until when', async () => {
    let seen: CallContext | undefined;
    const { client } = await serving(async (_, call) => {
      seen = call;
      return { exists: true };
    });
    const metadata = new Metadata();
    metadata.set('x-trace', '42');
    const before = world.clock.now();
    await client.isWorkspaceExists({ id: 'a' }, { metadata, timeoutMs: 5_000 });
    expect(seen?.method).toBe('/wsdaemon.WorkspaceContentService/IsWorkspaceExists');
    expect(seen?.metadata.get('x-trace')).toEqual(['42']);
    expect(seen?.deadline).toBeGreaterThan(before);
    expect(seen?.deadline).toBeLessThanOrEqual(world.clock.now() + 5_000);
    expect(seen?.signal.aborted).toBe(false);
  });
});

describe('failures', () => {
  test('by name arrive with name, status, message, remedy and standard details', async () => {
    const { client, addresses } = await serving(async () => {
      throw new StewardError('workspace-busy', 'workspace w is wrapping up');
    });
    const error = await failureOf(client.isWorkspaceExists({ id: 'a' }));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      code: 'workspace-busy',
      message: 'workspace w is wrapping up',
      entry: { status: status.FAILED_PRECONDITION, retryable: true, remedy: expect.stringContaining('wait') },
    });
    const raw = await rawFailure(addresses[0] ?? '', '/wsdaemon.WorkspaceContentService/IsWorkspaceExists');
    expect(raw.code).toBe(status.FAILED_PRECONDITION);
    expect(raw.metadata.get('steward-error-code')).toEqual(['workspace-busy']);
    const details = raw.metadata.get('grpc-status-details-bin')[0]?.toString() ?? '';
    expect(details).toContain('type.googleapis.com/google.rpc.ErrorInfo');
    expect(details).toContain('WORKSPACE_BUSY');
  });

  test('without a name are INTERNAL, and only the log knows more', async () => {
    const { client, log } = await serving(async () => {
      throw new Error('the password is swordfish');
    });
    const error = await failureOf(client.isWorkspaceExists({ id: 'a' }));
    expect(error).toMatchObject({ code: 'internal', entry: { status: status.INTERNAL } });
    const id = /^internal error (\S{36})$/.exec(error instanceof Error ? error.message : '')?.[1] ?? 'no id';
    expect(log.filter((line) => line.includes(id) && line.includes('swordfish'))).toHaveLength(1);
  });

  test('thrown before the handler became asynchronous are answered too', async () => {
    const { client } = await serving(() => {
      throw new StewardError('unknown-instance', 'no such instance');
    });
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({
      code: 'unknown-instance',
    });
  });

  test.each([
    ['a lone surrogate', 'x\uD800y', 'x\uFFFDy'],
    ['other scripts', 'schön – 漢字 %41', 'schön – 漢字 %41'],
    ['more text than a header takes', 'x'.repeat(100_000), 'x'.repeat(2_048)],
  ])('arrive with a message of %s', async (_, sent, received) => {
    const { client } = await serving(async () => {
      throw new StewardError('git-failed', sent);
    });
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({ message: received });
  });

  test('a request that cannot be decoded is INVALID_ARGUMENT', async () => {
    const { addresses } = await serving(async () => ({ exists: true }));
    const raw = await rawFailure(
      addresses[0] ?? '',
      '/wsdaemon.WorkspaceContentService/IsWorkspaceExists',
      Buffer.from([0x0a, 0xff]),
    );
    expect(raw.code).toBe(status.INVALID_ARGUMENT);
  });

  test('an answer that cannot be encoded is INTERNAL, not silence', async () => {
    const { client } = await serving(async () => JSON.parse('null'));
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({ code: 'internal' });
  });

  test('messages beyond the limit are refused in both directions', async () => {
    const { client } = await serving(async () => ({ exists: true }), {}, 10_000);
    const request = failureOf(client.isWorkspaceExists({ id: 'x'.repeat(20_000) }));
    expect(await request).toMatchObject({ entry: { status: status.RESOURCE_EXHAUSTED } });
    const answer = failureOf(client.takeSnapshot(TakeSnapshotRequest.fromPartial({ id: 'x'.repeat(100) })));
    expect(await answer).toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('TakeSnapshot'),
    });
  });

  test('an unknown method is UNIMPLEMENTED', async () => {
    const { addresses } = await serving(async () => ({ exists: true }));
    const raw = await rawFailure(addresses[0] ?? '', '/wsdaemon.WorkspaceContentService/Nonsense');
    expect(raw.code).toBe(status.UNIMPLEMENTED);
  });

  test('a server that is not there is unavailable, and the message says where', async () => {
    const client = createClient(service, connectTo('unix:/nonexistent/test.sock'));
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('unix:/nonexistent/test.sock'),
    });
  });

  test('a closed channel is unavailable', async () => {
    const channel = connectTo('unix:/nonexistent/test.sock');
    channel.close();
    const client = createClient(service, channel);
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({ code: 'unavailable' });
  });
});

describe('a handler that does not end', () => {
  test('is answered for when its method has taken too long, and told so', async () => {
    const told = deferred<unknown>();
    const { client } = await serving(
      (_, call) => {
        call.signal.addEventListener('abort', () => told.resolve(call.signal.reason));
        return never;
      },
      { methods: { isWorkspaceExists: { timeoutMs: 20 } } },
    );
    const error = await failureOf(client.isWorkspaceExists({ id: 'a' }, { timeoutMs: 600_000 }));
    expect(error).toMatchObject({ code: 'deadline-exceeded', entry: { status: status.DEADLINE_EXCEEDED } });
    expect(await told.promise).toMatchObject({ code: 'deadline-exceeded' });
  });

  test('is told when the deadline of the caller has passed', async () => {
    const told = deferred<unknown>();
    const { client } = await serving(({ id }, call) => {
      if (id === 'first') return Promise.resolve({ exists: true });
      call.signal.addEventListener('abort', () => told.resolve(call.signal.reason));
      return never;
    });
    await client.isWorkspaceExists({ id: 'first' });
    const error = await failureOf(client.isWorkspaceExists({ id: 'a' }, { timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'deadline-exceeded' });
    // Both ends count by themselves: the caller may have hung up just before our own timer.
    expect(await told.promise).toMatchObject({
      code: expect.stringMatching(/^(deadline-exceeded|cancelled)$/),
    });
  });

  test('is told when the caller goes away', async () => {
    const begun = deferred();
    const told = deferred<unknown>();
    const { client } = await serving((_, call) => {
      call.signal.addEventListener('abort', () => told.resolve(call.signal.reason));
      begun.resolve();
      return never;
    });
    const controller = new AbortController();
    const failure = failureOf(client.isWorkspaceExists({ id: 'a' }, { signal: controller.signal }));
    await begun.promise;
    controller.abort();
    expect(await failure).toMatchObject({ code: 'cancelled' });
    expect(await told.promise).toMatchObject({ code: 'cancelled' });
  });

  test('that asks for the signal late finds it aborted', async () => {
    const begun = deferred<CallContext>();
    const { client } = await serving(
      (_, call) => {
        begun.resolve(call);
        return never;
      },
      { timeoutMs: 20 },
    );
    await failureOf(client.isWorkspaceExists({ id: 'a' }));
    const call = await begun.promise;
    expect(call.signal.aborted).toBe(true);
    expect(call.signal.reason).toMatchObject({ code: 'deadline-exceeded' });
  });

  test('and fails later does no harm', async () => {
    const fail = deferred();
    const { client } = await serving(async () => {
      await fail.promise;
      throw new Error('too late');
    });
    await failureOf(client.isWorkspaceExists({ id: 'a' }, { timeoutMs: 50 }));
    fail.resolve();
    expect(await failureOf(client.isWorkspaceExists({ id: 'a' }))).toMatchObject({ code: 'internal' });
  });
});

test('a call cancelled before it begins does not begin', async () => {
  let calls = 0;
  const { client } = await serving(async () => {
    calls += 1;
    return { exists: true };
  });
  const signal = AbortSignal.abort();
  expect(await failureOf(client.isWorkspaceExists({ id: 'a' }, { signal }))).toMatchObject({
    code: 'cancelled',
  });
  await client.isWorkspaceExists({ id: 'a' });
  expect(calls).toBe(1);
});

/** What a client that is not ours sees. */
function rawFailure(address: string, path: string, request?: Buffer): Promise<ServiceError> {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  const bytes = request ?? Buffer.from(IsWorkspaceExistsRequest.encode({ id: 'a' }).finish());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, bytes, new Metadata(), {}, (error) => {
      client.close();
      if (error === null) reject(new Error('it did not fail'));
      else resolve(error);
    });
  });
}
