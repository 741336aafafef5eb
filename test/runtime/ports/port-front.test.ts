import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Port } from '../../../src/runtime/port.js';
import { Access } from '../../../src/runtime/ports/access.js';
import { PortFront, type PortFrontOptions } from '../../../src/runtime/ports/port-front.js';
import { createAuthority, issue } from '../../grpc/certificates.js';

const TOKEN = 'owner-token-1';
const HEADER = { 'x-gitpod-owner-token': TOKEN };
const closing: (() => Promise<unknown>)[] = [];
/** What the program behind it was asked. */
let seen: IncomingMessage[] = [];
let behind: { host: string; port: number } | undefined;

beforeEach(() => {
  seen = [];
  behind = undefined;
});

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(resolve);
      }),
  );
  const { port } = server.address() as AddressInfo;
  behind = { host: '127.0.0.1', port };
  return port;
}

/** A program that answers with what it was sent. */
async function echoServer(): Promise<number> {
  const server = createServer(async (request, response) => {
    seen.push(request);
    response.writeHead(201, { 'x-from': 'behind', 'set-cookie': ['a=1', 'b=2'] });
    response.end(`${request.method} ${request.url} ${await text(request)}`);
  });
  server.on('upgrade', (request, socket) => {
    seen.push(request);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  return listening(server);
}

/** A program that speaks something else than HTTP. */
async function plainServer(): Promise<number> {
  return listening(
    createTcpServer({ allowHalfOpen: true }, (socket) => {
      let said = '';
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        said += data;
      });
      socket.on('end', () => socket.end(`you said ${said}`));
    }),
  );
}

async function free(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function front(
  visibility: Port['visibility'],
  protocol: Port['protocol'] = 'http',
  more: Partial<PortFrontOptions> = {},
) {
  const hostPort = await free();
  const options = {
    host: '127.0.0.1',
    hostPort,
    access: new Access(TOKEN, `door ${hostPort}`),
    behind: async () => behind,
    ...more,
  };
  const opened = new PortFront(options, { port: 8080, visibility, protocol });
  await opened.open();
  closing.push(() => opened.close());
  return { front: opened, hostPort };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(port: number, path: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Not the agent that all share: a connection that is kept would outlive the test.
    const asked = httpRequest({ host: '127.0.0.1', port, path, agent: false, ...options }, async (answer) => {
      const { statusCode = 0, headers } = answer;
      resolve({ status: statusCode, headers, body: await text(answer).catch(String) });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

function addressOf(server: Server): unknown {
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}

/** All that comes back on a plain connection. */
async function say(port: number, words: string, isOver = true): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  if (isOver) socket.end(words);
  else socket.write(words);
  return text(socket).catch(() => '');
}

describe('a public port', () => {
  test('hands on any protocol, each direction until its end', async () => {
    await plainServer();
    const { hostPort } = await front('public');
    expect(await say(hostPort, 'x'.repeat(300_000))).toBe(`you said ${'x'.repeat(300_000)}`);
  });

  test('hangs up when no program of the workspace listens', async () => {
    const { hostPort } = await front('public');
    expect(await say(hostPort, 'hello')).toBe('');
  });

  test('hangs up when nobody says anything for too long', async () => {
    await plainServer();
    const { hostPort } = await front('public', 'http', { idleMs: 50 });
    expect(await say(hostPort, 'hello', false)).toBe('');
  });

  test('that becomes private hangs up on those who entered without a token', async () => {
    await plainServer();
    const { front: door, hostPort } = await front('public');
    const talk = say(hostPort, 'hello', false);
    await expect.poll(() => door.connections).toBe(1);
    door.change({ ...door.port, visibility: 'private' });
    expect(await talk).toBe('');
    expect((await ask(hostPort, '/')).status).toBe(401);
    door.change({ ...door.port, visibility: 'public' });
    expect(await say(hostPort, 'hello')).toBe('you said hello');
  });
});

describe('a private port', () => {
  test('asks for the token, and tells nobody behind it', async () => {
    await echoServer();
    const { hostPort } = await front('private');
    const refused = await ask(hostPort, '/page');
    expect([refused.status, refused.body]).toEqual([401, expect.stringContaining('x-gitpod-owner-token')]);
    expect((await ask(hostPort, '/page', { headers: { 'x-gitpod-owner-token': 'guess' } })).status).toBe(401);
    expect(seen).toEqual([]);
    const headers = { ...HEADER, cookie: 'mine=1', 'x-app': 'kept' };
    const answer = await ask(hostPort, '/page?q=1', { method: 'POST', headers }, 'some body');
    expect(answer).toMatchObject({ status: 201, body: 'POST /page?q=1 some body' });
    expect(answer.headers).toMatchObject({ 'x-from': 'behind', 'set-cookie': ['a=1', 'b=2'] });
    expect(JSON.stringify(seen[0]?.rawHeaders)).not.toContain(TOKEN);
    expect(seen[0]?.headers).toMatchObject({ cookie: 'mine=1', 'x-app': 'kept' });
  });

  test('lets a browser in by a link, once, and then by a cookie that opens no other port', async () => {
    await echoServer();
    const one = await front('private');
    const other = await front('private');
    const link = await ask(one.hostPort, `//evil.test/a?x=1&steward-token=${TOKEN}`);
    expect(link.status).toBe(303);
    expect(link.headers.location).toBe('/evil.test/a?x=1');
    const [cookie = ''] = (link.headers['set-cookie']?.[0] ?? '').split(';');
    expect(link.headers['set-cookie']?.[0]).toContain('HttpOnly');
    expect(cookie).not.toContain(TOKEN);
    const entered = await ask(one.hostPort, '/', { headers: { cookie: `mine=1; ${cookie}` } });
    expect(entered.status).toBe(201);
    expect(seen[0]?.headers.cookie).toBe('mine=1');
    expect((await ask(other.hostPort, '/', { headers: { cookie } })).status).toBe(401);
    expect((await ask(one.hostPort, '/?steward-token=guess', { headers: { cookie } })).status).toBe(401);
  });

  test('does not let pages of others use the cookie', async () => {
    await echoServer();
    const { hostPort } = await front('private');
    const link = await ask(hostPort, `/?steward-token=${TOKEN}`);
    const [cookie = ''] = (link.headers['set-cookie']?.[0] ?? '').split(';');
    const host = `127.0.0.1:${hostPort}`;
    const from = (origin: string) =>
      ask(hostPort, '/', { method: 'POST', headers: { cookie, origin, host } });
    expect((await from('http://127.0.0.1:1')).status).toBe(401);
    expect((await from('null')).status).toBe(401);
    expect((await from(`http://${host}`)).status).toBe(201);
  });

  test('hands on a body of unknown length, and an upgrade', async () => {
    await echoServer();
    const { hostPort } = await front('private');
    const chunked = { method: 'DELETE', headers: { ...HEADER, 'transfer-encoding': 'chunked' } };
    expect((await ask(hostPort, '/', chunked, 'in pieces')).body).toBe('DELETE / in pieces');
    const said = await new Promise<string>((resolve, reject) => {
      const headers = { ...HEADER, connection: 'Upgrade', upgrade: 'echo' };
      const asked = httpRequest({ host: '127.0.0.1', port: hostPort, path: '/socket', headers });
      asked.on('upgrade', (_, socket) => {
        socket.end('hello');
        text(socket).then(resolve, reject);
      });
      asked.on('error', reject);
      asked.end();
    });
    expect(said).toBe('hello');
    expect(JSON.stringify(seen.at(-1)?.rawHeaders)).not.toContain(TOKEN);
  });

  test('refuses an upgrade and a tunnel without the token', async () => {
    await echoServer();
    const { hostPort } = await front('private');
    const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
    expect(await say(hostPort, upgrade, false)).toContain(' 407 ');
    expect(await say(hostPort, 'CONNECT workspace:8080 HTTP/1.1\r\nHost: x\r\n\r\n', false)).toContain(
      ' 407 ',
    );
    expect(await say(hostPort, 'SSH-2.0-client\r\n', false)).toContain(' 400 ');
    expect(seen).toEqual([]);
  });

  test('hands on any protocol through a tunnel, to those who show the token', async () => {
    await plainServer();
    const { hostPort } = await front('private');
    const proof = Buffer.from(`any:${TOKEN}`).toString('base64');
    const head = `CONNECT workspace:8080 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${proof}\r\n\r\n`;
    const said = await say(hostPort, `${head}hello`);
    expect(said).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nyou said hello$/);
  });

  test('reaches a program that speaks HTTPS with a certificate of its own making', async () => {
    const { keyPem: key, certificatePem: cert } = issue(createAuthority('own'), ['elsewhere.test']);
    await listening(createHttpsServer({ key, cert }, (_, response) => response.end('encrypted')));
    const { hostPort } = await front('private', 'https');
    expect(await ask(hostPort, '/', { headers: HEADER })).toMatchObject({ status: 200, body: 'encrypted' });
  });

  test('says so when no program of the workspace listens, or it does not speak HTTP', async () => {
    const { hostPort } = await front('private');
    const nobody = await ask(hostPort, '/', { headers: HEADER });
    expect([nobody.status, nobody.body]).toEqual([502, expect.stringContaining('port 8080')]);
    await listening(createTcpServer((socket) => socket.end('SSH-2.0-server\r\n')));
    expect((await ask(hostPort, '/', { headers: HEADER })).status).toBe(502);
  });

  test('does not make a broken answer look complete', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    await listening(server);
    const { hostPort } = await front('private');
    expect((await ask(hostPort, '/', { headers: HEADER })).body).toContain('aborted');
  });
});

describe('the host port', () => {
  test('that is taken is told as taken', async () => {
    const { hostPort } = await front('public');
    const options = {
      host: '127.0.0.1',
      hostPort,
      access: new Access(TOKEN, 'x'),
      behind: async () => undefined,
    };
    const second = new PortFront(options, { port: 1, visibility: 'public', protocol: 'http' });
    await expect(second.open()).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(String(hostPort)),
    });
  });

  test('goes on after connections that could not be accepted', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    const { hostPort } = await front('private');
    const servers = listen.mock.contexts.filter(
      (one) => one instanceof Server && addressOf(one) === hostPort,
    );
    listen.mockRestore();
    expect(servers).toHaveLength(1);
    for (const one of [...servers, ...servers]) {
      if (one instanceof Server) one.emit('error', new Error('ENFILE'));
    }
    expect((await ask(hostPort, '/')).status).toBe(401);
  });

  test.each(['public', 'private'] as const)(
    'is closed although %s connections are kept',
    async (visibility) => {
      await echoServer();
      const { front: door, hostPort } = await front(visibility);
      const agent = new Agent({ keepAlive: true });
      const first = await ask(hostPort, '/', { agent, headers: HEADER });
      expect([first.status, door.connections]).toEqual([201, 1]);
      expect((await ask(hostPort, '/', { agent, headers: HEADER })).status).toBe(201);
      expect(door.connections).toBe(1);
      await door.close();
      await expect(ask(hostPort, '/', { headers: HEADER })).rejects.toThrow('ECONNREFUSED');
      agent.destroy();
    },
  );

  test('is free again when it is closed, and nobody is left on it', async () => {
    await plainServer();
    const { front: door, hostPort } = await front('public');
    const talk = say(hostPort, 'hello', false);
    await expect.poll(() => door.connections).toBe(1);
    await door.close();
    expect(await talk).toBe('');
    await expect(ask(hostPort, '/')).rejects.toThrow('ECONNREFUSED');
  });
});
