import { join } from 'node:path';
import { Redis as Client } from 'ioredis';
import { findProgram, PrivateServer } from './private-server.js';

/** A Redis that the tests may publish on. */
export interface RedisServer {
  /** `redis://user:password@host:port`. */
  readonly url: string;
}

const PASSWORD = 'not-a-secret';

export class Redis implements RedisServer {
  readonly url: string;
  readonly server: PrivateServer;

  /** Keeps nothing on disk. */
  static async start(...options: readonly string[]): Promise<Redis> {
    const server = await PrivateServer.create('redis', {
      command: redisProgram() ?? 'redis-server',
      knownAs: 'redis-server',
      args: (folder, port) => [...serverArguments(folder, port), ...options],
      answers: (_, port) => answers(`redis://:${PASSWORD}@127.0.0.1:${port}`),
    });
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return new Redis(server);
  }

  private constructor(server: PrivateServer) {
    this.server = server;
    this.url = `redis://:${PASSWORD}@127.0.0.1:${server.port}`;
  }
}

/** Debian has one program for the server and the check of its files, which looks at the name it is called by. */
export function redisProgram(): string | undefined {
  return findProgram('redis-server') ?? findProgram('redis-check-rdb');
}

function serverArguments(folder: string, port: number): string[] {
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--requirepass', PASSWORD],
    ...['--dir', folder, '--logfile', join(folder, 'log'), '--save', '', '--appendonly', 'no'],
  ];
}

async function answers(url: string): Promise<boolean> {
  const client = new Client(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
