import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { realWorld } from '../../../src/gateways/real/world.js';
import { RuntimeServiceService } from '../../../src/gen/steward/v1/runtime.js';
import { WorkspaceContentServiceService } from '../../../src/gen/ws-daemon-api/daemon.js';
import {
  StopWorkspacePolicy,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../../src/gen/ws-manager-api/core.js';
import { createChannel } from '../../../src/grpc/channel.js';
import { createClient } from '../../../src/grpc/client.js';
import { createGrpcServer } from '../../../src/grpc/server.js';
import { type ManagerConfigInput, managerConfigSchema } from '../../../src/manager/config.js';
import { type RunningManager, startManager } from '../../../src/manager/start-manager.js';

const world = realWorld();
const logger = pino({ level: 'silent' });

/** A manager with a real runtime, on real sockets, and a daemon that makes an empty folder and saves everything. */
export class ManagerPlace {
  readonly root: string;
  readonly #config: Partial<ManagerConfigInput>;
  readonly #channel;
  readonly #daemon;
  #manager: RunningManager | undefined;

  private constructor(root: string, config: Partial<ManagerConfigInput>) {
    this.root = root;
    this.#config = config;
    this.#channel = createChannel(`unix:${join(root, 'm.sock')}`, { clock: world.clock });
    const addresses = [`unix:${join(root, 'd.sock')}`];
    this.#daemon = createGrpcServer({ addresses, world, logger, registry: new Registry() });
    const held = new Set<string>();
    this.#daemon.addService(WorkspaceContentServiceService, {
      initWorkspace: async ({ id }) => {
        held.add(id);
        await mkdir(this.content(id), { recursive: true });
        await chmod(this.content(id), 0o777);
        return {};
      },
      waitForInit: async () => ({}),
      isWorkspaceExists: async ({ id }) => ({ exists: held.has(id) }),
      takeSnapshot: async () => ({ url: '' }),
      backupWorkspace: async () => ({ url: '' }),
      disposeWorkspace: async () => ({ gitStatus: undefined }),
    });
  }

  static async make(config: Partial<ManagerConfigInput> = {}): Promise<ManagerPlace> {
    const root = await mkdtemp(join(tmpdir(), 'mgr-'));
    await chmod(root, 0o711);
    const place = new ManagerPlace(root, config);
    await place.#daemon.start();
    await place.start();
    return place;
  }

  async start(): Promise<void> {
    const config = managerConfigSchema.parse({
      stateFolder: join(this.root, 'manager'),
      secretsFolder: join(this.root, 'secrets'),
      contentRoot: join(this.root, 'content'),
      listen: [`unix:${join(this.root, 'm.sock')}`, '127.0.0.1:0'],
      daemonAddress: `unix:${join(this.root, 'd.sock')}`,
      limits: { pauseMin: '20ms', pauseMax: '50ms' },
      ...this.#config,
    });
    this.#manager = await startManager(config, {
      world,
      logger,
      registry: new Registry(),
      version: '0.0.0',
    });
    await this.#manager.ready;
  }

  /** The workspaces run on. */
  async stop(): Promise<void> {
    await this.#manager?.stop();
    this.#manager = undefined;
  }

  async clear(): Promise<void> {
    for (const { id, phase } of (await this.manager.getWorkspaces({ mustMatch: undefined })).status) {
      if (phase === WorkspacePhase.STOPPED) continue;
      await this.manager.stopWorkspace({ id, policy: StopWorkspacePolicy.ABORT });
      await this.until((status) => status.phase === WorkspacePhase.STOPPED, id);
    }
    await this.stop();
    this.#channel.close();
    await this.#daemon.stop(0);
    await rm(this.root, { recursive: true, force: true });
  }

  /** Where it serves TCP without asking anybody who calls. */
  get openAddress(): string {
    return this.#manager?.addresses.find((address) => !address.startsWith('unix:')) ?? 'it does not run';
  }

  get manager() {
    return createClient(WorkspaceManagerService, this.#channel);
  }

  get runtime() {
    return createClient(RuntimeServiceService, this.#channel);
  }

  content(id: string): string {
    return join(this.root, 'content', id);
  }

  /** The first status of the stream that is as wanted. */
  async until(isWanted: (status: WorkspaceStatus) => boolean, id = 'instance-1'): Promise<WorkspaceStatus> {
    const stream = this.manager.subscribe({ mustMatch: undefined }, { timeoutMs: 30_000 });
    for await (const { status } of stream) {
      if (status?.id === id && isWanted(status)) return status;
    }
    throw new Error('the stream ended');
  }

  /** What the workspace writes to a file of its content, once there is a line. */
  async soon(name: string, id = 'instance-1'): Promise<string> {
    const text = () => readFile(join(this.content(id), name), 'utf8').catch(() => '');
    await expect.poll(text, { timeout: 30_000, interval: 10 }).toMatch(/\n$/);
    return (await text()).trim();
  }
}
