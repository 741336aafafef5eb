import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { RuntimeServiceService } from '../../src/gen/steward/v1/runtime.js';
import { GetInfoResponse, SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { CERTIFICATE_CHECK_MS } from '../../src/grpc/bounds.js';
import type { ClientTls } from '../../src/grpc/channel.js';
import { MANAGER_CHANNEL_OPTIONS } from '../../src/grpc/channel-options.js';
import { createClient } from '../../src/grpc/client.js';
import type { GrpcServerOptions } from '../../src/grpc/server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { createAuthority, type Identity, issue } from './certificates.js';
import { ManualClock } from './manual-clock.js';
import { connectTo, deferred, failureOf, startServer, world } from './running-server.js';

const SERVER_NAME = 'wsdaemon';

interface ServerChoice {
  /** Whether callers must show a certificate. */
  readonly verify?: boolean;
  /** Without TLS. */
  readonly isPlain?: boolean;
}

/** A server on TCP whose certificate files the test may change. */
async function secureServer(options: ServerChoice & Partial<GrpcServerOptions> = {}) {
  const { verify = true, isPlain = false, ...serverOptions } = options;
  const authority = createAuthority('authority');
  const folder = await temporaryFolder();
  const tls = {
    certificate: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
    ...(verify ? { ca: join(folder, 'ca.crt') } : {}),
  };
  const install = async (identity: Identity) => {
    await writeFile(tls.certificate, identity.certificatePem);
    await writeFile(tls.key, identity.keyPem);
  };
  await install(issue(authority, [SERVER_NAME]));
  await writeFile(join(folder, 'ca.crt'), authority.certificatePem);
  const more = deferred();
  const running = await startServer(
    (server) => {
      server.addService(SystemServiceService, {
        getInfo: async () => GetInfoResponse.fromPartial({ program: 'secure' }),
      });
      server.addService(
        RuntimeServiceService,
        {
          logs: async function* () {
            yield { data: Buffer.from('before') };
            await more.promise;
            yield { data: Buffer.from('after') };
          },
          listPorts: async () => ({ ports: [] }),
          exec: async function* () {
            yield { event: { $case: 'started', value: { pid: 1n } } };
          },
        },
        { methods: { exec: { callers: 'authenticated' } } },
      );
    },
    { addresses: ['127.0.0.1:0'], ...(isPlain ? {} : { tls }), ...serverOptions },
  );
  return { ...running, authority, install, tls, more, address: running.addresses[0] ?? '' };
}

const clientTls = (ca: Buffer, identity?: Identity): ClientTls => ({
  ca,
  serverName: SERVER_NAME,
  ...(identity === undefined ? {} : { certificate: identity.certificatePem, key: identity.keyPem }),
});

async function call(address: string, tls?: ClientTls): Promise<string> {
  const channel = connectTo(address, tls === undefined ? {} : { tls });
  return (await createClient(SystemServiceService, channel).getInfo({})).program;
}

describe('TLS', () => {
  test('lets in who shows a certificate of the authority', async () => {
    const { address, authority } = await secureServer();
    const identity = issue(authority, ['client']);
    expect(await call(address, clientTls(authority.certificatePem, identity))).toBe('secure');
  });

  test.each(['no certificate', 'a certificate of another authority', 'no TLS at all'])(
    'keeps out who shows %s',
    async (who) => {
      const { address, authority } = await secureServer();
      const stranger = issue(createAuthority('authority'), ['client']);
      const tls = {
        'no certificate': clientTls(authority.certificatePem),
        'a certificate of another authority': clientTls(authority.certificatePem, stranger),
        'no TLS at all': undefined,
      }[who];
      expect(await failureOf(call(address, tls))).toMatchObject({ code: 'unavailable' });
    },
  );

  test('without an authority asks nobody for a certificate', async () => {
    const { address, authority } = await secureServer({ verify: false });
    expect(await call(address, clientTls(authority.certificatePem))).toBe('secure');
  });

  test('clients refuse a server of another authority or with another name', async () => {
    const { address, authority } = await secureServer();
    const identity = issue(authority, ['client']);
    const other = clientTls(createAuthority('authority').certificatePem, identity);
    expect(await failureOf(call(address, other))).toMatchObject({ code: 'unavailable' });
    const misnamed = { ...clientTls(authority.certificatePem, identity), serverName: 'elsewhere' };
    expect(await failureOf(call(address, misnamed))).toMatchObject({ code: 'unavailable' });
  });

  test('managers are known by their own name', async () => {
    const { address, authority, install, server } = await secureServer();
    await install(issue(authority, ['ws-manager']));
    await server.reloadCertificates();
    const { serverName: _, ...tls } = clientTls(authority.certificatePem, issue(authority, ['client']));
    const channel = connectTo(address, { tls, options: MANAGER_CHANNEL_OPTIONS });
    expect((await createClient(SystemServiceService, channel).getInfo({})).program).toBe('secure');
  });
});

/** What a method for authenticated callers answers there. */
async function exec(address: string, tls?: ClientTls): Promise<unknown> {
  const channel = connectTo(address, tls === undefined ? {} : { tls });
  const answers: AsyncIterable<unknown> = createClient(RuntimeServiceService, channel).exec(noRequests());
  for await (const answer of answers) return answer;
  return undefined;
}

async function* noRequests(): AsyncGenerator<never> {}

const STARTED = { event: { $case: 'started', value: { pid: 1n } } };
const REFUSED = { code: 'caller-unknown', entry: { status: status.PERMISSION_DENIED } };

describe('a method for authenticated callers', () => {
  test('is there for those with a certificate, and on a Unix socket', async () => {
    const socket = `unix:${join(await temporaryFolder(), 'test.sock')}`;
    const { address, authority } = await secureServer({ addresses: ['127.0.0.1:0', socket] });
    const tls = clientTls(authority.certificatePem, issue(authority, ['client']));
    expect(await exec(address, tls)).toEqual(STARTED);
    expect(await exec(socket)).toEqual(STARTED);
  });

  test('is refused on loopback without TLS, where every local user may call; the others are not', async () => {
    const { address } = await secureServer({ isPlain: true });
    expect(await failureOf(exec(address))).toMatchObject(REFUSED);
    expect(await failureOf(exec(address))).toMatchObject({ message: expect.stringContaining('tls.ca') });
    expect(await call(address)).toBe('secure');
  });

  test('is refused where TLS asks nobody for a certificate', async () => {
    const { address, authority } = await secureServer({ verify: false });
    const stranger = issue(createAuthority('authority'), ['client']);
    expect(await failureOf(exec(address, clientTls(authority.certificatePem)))).toMatchObject(REFUSED);
    expect(await failureOf(exec(address, clientTls(authority.certificatePem, stranger)))).toMatchObject(
      REFUSED,
    );
  });

  test('is there for everybody where the configuration says so', async () => {
    const { address } = await secureServer({ isPlain: true, insecure: true });
    expect(await exec(address)).toEqual(STARTED);
    const secure = await secureServer({ verify: false, insecure: true });
    expect(await exec(secure.address, clientTls(secure.authority.certificatePem))).toEqual(STARTED);
  });
});

describe('rotated certificates', () => {
  test('are used for new connections, and running calls go on', async () => {
    const clock = new ManualClock();
    const { address, authority, install, tls, more } = await secureServer({ world: { ...world, clock } });
    const old = clientTls(authority.certificatePem, issue(authority, ['client']));
    const logs = createClient(RuntimeServiceService, connectTo(address, { tls: old }))
      .logs({ instanceId: 'i', follow: true, tailLines: undefined })
      [Symbol.asyncIterator]();
    expect((await logs.next()).value?.data.toString()).toBe('before');

    const successor = createAuthority('successor');
    await install(issue(successor, [SERVER_NAME]));
    await writeFile(tls.ca ?? '', successor.certificatePem);
    clock.advance(CERTIFICATE_CHECK_MS);
    const fresh = clientTls(successor.certificatePem, issue(successor, ['client']));
    await expect.poll(() => call(address, fresh).catch(() => 'not yet')).toBe('secure');

    expect(await failureOf(call(address, old))).toMatchObject({ code: 'unavailable' });
    more.resolve();
    expect((await logs.next()).value?.data.toString()).toBe('after');
  });

  test('that do not fit together change nothing until they do', async () => {
    const { address, authority, install, tls, server, log } = await secureServer();
    const client = clientTls(authority.certificatePem, issue(authority, ['client']));
    const next = issue(authority, [SERVER_NAME, 'next']);
    await writeFile(tls.certificate, next.certificatePem);
    await server.reloadCertificates();
    expect(log.some((line) => line.includes('cannot be used'))).toBe(true);
    expect(await call(address, client)).toBe('secure');
    await install(next);
    await server.reloadCertificates();
    expect(await call(address, { ...client, serverName: 'next' })).toBe('secure');
  });

  test('are looked at no more after a stop', async () => {
    const clock = new ManualClock();
    const { server } = await secureServer({ world: { ...world, clock } });
    expect(clock.waiting).toBe(1);
    const stopped = server.stop(0);
    await expect
      .poll(() => {
        clock.advance(60_000);
        return clock.waiting;
      })
      .toBe(0);
    await stopped;
  });
});

describe('a wrong configuration', () => {
  test('names the file that cannot be read', async () => {
    const missing = { certificate: '/nonexistent/tls.crt', key: '/nonexistent/tls.key' };
    const error = await failureOf(startServer(() => {}, { tls: missing }));
    expect(error).toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(
        /^tls\.(certificate|key): the file \/nonexistent\/tls\.\w+ cannot be read/,
      ),
    });
  });

  test('of files that do not fit together is refused at the start', async () => {
    const folder = await temporaryFolder();
    const authority = createAuthority('authority');
    const tls = { certificate: join(folder, 'a.crt'), key: join(folder, 'a.key') };
    await writeFile(tls.certificate, issue(authority, ['a']).certificatePem);
    await writeFile(tls.key, issue(authority, ['a']).keyPem);
    expect(await failureOf(startServer(() => {}, { tls }))).toMatchObject({ code: 'invalid-config' });
  });

  test('of a client is refused before it connects', () => {
    const tls = { ca: Buffer.from('x'), certificate: Buffer.from('no'), key: Buffer.from('pem') };
    expect(() => connectTo('127.0.0.1:1', { tls })).toThrow(
      expect.objectContaining({ code: 'invalid-config' }),
    );
  });
});
