import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { type Channel, type ChannelSettings, createChannel } from '../../src/grpc/channel.js';
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from '../../src/grpc/server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

export interface RunningServer {
  readonly server: GrpcServer;
  readonly addresses: readonly string[];
  readonly registry: Registry;
  /** One JSON text per line of the log. */
  readonly log: readonly string[];
  /** A new connection to the first address. */
  connect(settings?: Partial<ChannelSettings>): Channel;
}

export const world = realWorld();

/** A server on a Unix socket unless told otherwise, stopped after the test. */
export async function startServer(
  addServices: (server: GrpcServer) => void,
  options: Partial<GrpcServerOptions> = {},
): Promise<RunningServer> {
  const log: string[] = [];
  const registry = new Registry();
  const server = createGrpcServer({
    addresses: [`unix:${join(await temporaryFolder(), 'test.sock')}`],
    world,
    logger: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
    registry,
    ...options,
  });
  addServices(server);
  onTestFinished(async () => {
    await server.stop(0);
  });
  const addresses = await server.start();
  const connect = (settings: Partial<ChannelSettings> = {}) =>
    connectTo(addresses[0] ?? 'no address', settings);
  return { server, addresses, registry, log, connect };
}

/** A connection that is closed after the test. */
export function connectTo(address: string, settings: Partial<ChannelSettings> = {}): Channel {
  const channel = createChannel(address, { clock: world.clock, ...settings });
  onTestFinished(() => channel.close());
  return channel;
}

/** A promise to be settled from outside. */
export function deferred<Value = void>() {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** What `action` throws. */
export async function failureOf(action: Promise<unknown>): Promise<unknown> {
  try {
    await action;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
