import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { type BridgeConfig, bridgeConfigSchema } from '../../../src/bridge/config.js';
import { type RunningBridge, startBridge } from '../../../src/bridge/start-bridge.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { FakeManager } from '../../bridge/support/fake-manager.js';
import { newDatabase } from '../../support/mariadb.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { Consumer } from './consumer.js';
import { RowReader } from './row-reader.js';

/** A bridge that reaches its manager, its database and its Redis through proxies, and those who look at it. */
export class DisturbedBridge {
  readonly manager: FakeManager;
  readonly managerProxy: TcpProxy;
  readonly databaseProxy: TcpProxy;
  readonly redisProxy: TcpProxy;
  readonly reader: RowReader;
  readonly consumer: Consumer;
  /** What the bridge logged as an error. */
  readonly errors: string[] = [];
  readonly #folder: string;
  readonly #config: BridgeConfig;
  #bridge: RunningBridge | undefined;

  static async start({
    mysqlUrl,
    redisUrl,
  }: {
    mysqlUrl: string;
    redisUrl: string;
  }): Promise<DisturbedBridge> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-faults-'));
    const socket = join(folder, 'm.sock');
    const manager = new FakeManager(socket);
    await manager.start();
    const { url } = await newDatabase({ url: mysqlUrl });
    const managerProxy = await TcpProxy.before({ path: socket });
    const databaseProxy = await before(url);
    const redisProxy = await before(redisUrl);
    const reader = new RowReader(url);
    const config = bridgeConfigSchema.parse({
      database: through(databaseProxy, url),
      redis: through(redisProxy, redisUrl),
      listen: [`unix:${join(folder, 'b.sock')}`],
      clusters: [{ name: 'faulty', url: `127.0.0.1:${managerProxy.port}` }],
      controllerIntervalSeconds: 1,
      // Lists that are late lack what is newer; that rows are stopped is not what is tried here.
      graceSeconds: { running: 3_600, interrupted: 3_600 },
    });
    const parts = { folder, manager, managerProxy, databaseProxy, redisProxy, reader, config };
    const bridge = new DisturbedBridge({ ...parts, consumer: await Consumer.start(redisUrl, reader) });
    await bridge.begin();
    return bridge;
  }

  private constructor(
    parts: Pick<
      DisturbedBridge,
      'manager' | 'managerProxy' | 'databaseProxy' | 'redisProxy' | 'reader' | 'consumer'
    > & { config: BridgeConfig; folder: string },
  ) {
    this.#folder = parts.folder;
    this.manager = parts.manager;
    this.managerProxy = parts.managerProxy;
    this.databaseProxy = parts.databaseProxy;
    this.redisProxy = parts.redisProxy;
    this.reader = parts.reader;
    this.consumer = parts.consumer;
    this.#config = parts.config;
  }

  get proxies(): readonly TcpProxy[] {
    return [this.managerProxy, this.databaseProxy, this.redisProxy];
  }

  async begin(): Promise<void> {
    const sink = { write: (line: string) => void this.errors.push(line) };
    this.#bridge = await startBridge(this.#config, {
      ...{ world: realWorld(), registry: new Registry(), version: '0.0.0' },
      logger: pino({ level: 'error' }, sink),
    });
  }

  /** Ends the bridge in peace; `begin` starts the next one. */
  async end(): Promise<void> {
    await this.#bridge?.stop();
    this.#bridge = undefined;
  }

  async stop(): Promise<void> {
    for (const proxy of this.proxies) proxy.heal();
    await this.end();
    this.consumer.stop();
    await this.reader.close();
    this.manager.stop();
    for (const proxy of this.proxies) await proxy.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function before(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return TcpProxy.before({ host: hostname, port: Number(port) });
}

function through(proxy: TcpProxy, url: string): string {
  return url.replace(new URL(url).host, `127.0.0.1:${proxy.port}`);
}
