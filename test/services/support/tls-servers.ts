import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import { type Authority, type Identity, issue } from '../../grpc/certificates.js';
import { PrivateServer } from '../../support/private-server.js';
import { redisProgram } from '../../support/redis.js';

export const REDIS_PASSWORD = 'not-a-secret';

/** PEM files of a server's, which may be replaced while it runs. */
export class ServerFiles {
  readonly folder: string;
  readonly #authority: Authority;

  static async create(authority: Authority, names: readonly string[]): Promise<ServerFiles> {
    const files = new ServerFiles(await mkdtemp(join(tmpdir(), 'steward-tls-')), authority);
    await writeFile(files.path('ca'), authority.certificatePem);
    await files.show(names);
    return files;
  }

  private constructor(folder: string, authority: Authority) {
    this.folder = folder;
    this.#authority = authority;
  }

  path(what: 'ca' | 'crt' | 'key'): string {
    return join(this.folder, `${what}.pem`);
  }

  /** A new certificate for these names. */
  async show(names: readonly string[]): Promise<void> {
    const { certificatePem, keyPem } = issue(this.#authority, names);
    await writeFile(this.path('crt'), certificatePem);
    await writeFile(this.path('key'), keyPem);
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** A Redis that speaks TLS only, and (`asksClients`) only with those who show a certificate of its authority. */
export async function startTlsRedis(
  files: ServerFiles,
  client: Identity,
  asksClients = false,
): Promise<PrivateServer> {
  const server = await PrivateServer.create('redis', {
    command: redisProgram() ?? 'redis-server',
    knownAs: 'redis-server',
    args: (folder, port) => [
      ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--requirepass', REDIS_PASSWORD],
      ...['--tls-cert-file', files.path('crt'), '--tls-key-file', files.path('key')],
      ...['--tls-ca-cert-file', files.path('ca'), '--tls-auth-clients', asksClients ? 'yes' : 'no'],
      ...['--dir', folder, '--logfile', join(folder, 'log'), '--save', '', '--appendonly', 'no'],
    ],
    answers: (_, port) => takesTls(port, client),
  });
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function takesTls(port: number, { certificatePem: cert, keyPem: key }: Identity): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
    socket.once('secureConnect', () => socket.write('PING\r\n'));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

/** Stands before a server for the time of a test, and keeps what clients send. */
export async function listenIn(
  target: number,
  host = '127.0.0.1',
): Promise<{ readonly port: number; sent(): string }> {
  const chunks: Buffer[] = [];
  const server = createServer((client) => {
    const upstream = connectTcp(target, host);
    for (const side of [client, upstream]) side.on('error', () => undefined);
    client.on('data', (chunk) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('nobody listens');
  return { port: address.port, sent: () => Buffer.concat(chunks).toString('latin1') };
}
