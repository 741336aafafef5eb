import { Metadata } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import type { Processes } from '../../src/gateways/processes.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { type FileFaults, noFileFaults } from '../../src/gateways/simulated/file-faults.js';
import { SimulatedFiles } from '../../src/gateways/simulated/files.js';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import {
  type StartWorkspaceRequest,
  StartWorkspaceSpec,
  WorkspaceMetadata,
  type WorkspaceStatus,
  type WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import { type ManagerConfigInput, managerConfigSchema } from '../../src/manager/config.js';
import { type ManagerCore, startCore } from '../../src/manager/core.js';
import { workspaceManager } from '../../src/manager/rpc/workspace-manager.js';
import type { PortForwarding } from '../../src/manager/runtime-ports.js';
import { noForwarding } from '../support/no-forwarding.js';
import { Node, Sight } from './node.js';

/** A manager in a world of its own, that can be killed and started again. */
export class Rig {
  readonly clock = new SimulatedClock();
  readonly node = new Node(this.clock);
  readonly random: SeededRandom;
  /** Of the present life. */
  registry = new Registry();
  files = new SimulatedFiles(this.clock);
  #sight = new Sight(this.node);
  readonly ports: PortForwarding = {
    ...noForwarding,
    urlOf: (instance, { port }) => `http://${instance}.test:${port}`,
  };
  /** What its operator reads. */
  readonly logged: string[] = [];
  #core: ManagerCore | undefined;
  readonly config: ReturnType<typeof managerConfigSchema.parse>;

  constructor(seed = 1, config: Partial<ManagerConfigInput> = {}) {
    this.random = new SeededRandom(seed);
    this.config = managerConfigSchema.parse({
      stateFolder: '/state/manager',
      secretsFolder: '/memory/manager',
      contentRoot: '/state/daemon/workspaces',
      listen: ['unix:/unused.sock'],
      daemonAddress: 'unix:/unused.sock',
      ...config,
    });
  }

  get core(): ManagerCore {
    if (this.#core === undefined) throw new Error('the manager is not running');
    return this.#core;
  }

  get rpc() {
    const { instances, feed, maintenance } = this.core;
    const { daemon } = this.#sight;
    return workspaceManager({
      config: this.config,
      world: this.#world(),
      instances,
      feed,
      maintenance,
      ports: this.ports,
      daemon,
    });
  }

  async start(): Promise<void> {
    this.#sight = new Sight(this.node);
    this.registry = new Registry();
    const { daemon, runtime } = this.#sight;
    const starting = startCore({
      config: this.config,
      world: this.#world(),
      logger: pino({ level: 'error' }, { write: (line) => this.logged.push(line) }),
      registry: this.registry,
      daemon,
      runtime,
      ports: this.ports,
    });
    this.#core = await this.clock.runUntilSettled(starting, 600_000);
  }

  /** Whether the disk takes new records; one that comes back finds room again. */
  get isDiskFull(): boolean {
    return this.files.faults === FULL;
  }

  set isDiskFull(isFull: boolean) {
    this.files.faults = isFull ? FULL : noFileFaults;
  }

  /** SIGKILL: nothing of this life ever happens again. */
  async kill(): Promise<void> {
    this.#sight.isDead = true;
    this.files = this.files.kill();
    await this.clock.settle();
    this.#core = undefined;
  }

  async powerCut(): Promise<void> {
    this.#sight.isDead = true;
    this.files = this.files.crash(this.random);
    for (const [instance, run] of this.node.runs) {
      if (run.state === 'running') {
        this.node.runs.set(instance, { state: 'ended', end: { kind: 'lost', reason: 'power cut' } });
      }
    }
    await this.clock.settle();
    this.#core = undefined;
  }

  /** Lets virtual time pass until `answer` is there. */
  within<Answer>(answer: Promise<Answer>, milliseconds = 60_000): Promise<Answer> {
    return this.clock.runUntilSettled(answer, milliseconds);
  }

  async statuses(): Promise<WorkspaceStatus[]> {
    return (await this.rpc.getWorkspaces({ mustMatch: undefined }, this.call())).status;
  }

  async status(id: string): Promise<WorkspaceStatus> {
    const { status } = await this.rpc.describeWorkspace({ id }, this.call());
    if (status === undefined) throw new Error('no status');
    return status;
  }

  /** Lets virtual time pass until the status of `id` is as wanted. */
  async until(
    id: string,
    isWanted: (status: WorkspaceStatus) => boolean,
    limitMs = 600_000,
  ): Promise<WorkspaceStatus> {
    const giveUpAt = this.clock.now() + limitMs;
    for (let looks = 0; ; looks += 1) {
      const status = await this.status(id);
      if (isWanted(status)) return status;
      if (this.clock.now() > giveUpAt) throw new Error(`never as wanted: ${JSON.stringify(status, bigints)}`);
      await this.clock.advance(looks < 100 ? 10 : 1_000);
    }
  }

  call(signal: AbortSignal = new AbortController().signal) {
    return {
      method: '/wsman.WorkspaceManager/Test',
      peer: 'test',
      deadline: Number.POSITIVE_INFINITY,
      signal,
      metadata: new Metadata(),
      logger: pino({ level: 'silent' }),
    };
  }

  #world() {
    return { clock: this.clock, random: this.random, files: this.files, processes: noProcesses };
  }
}

const FULL: FileFaults = {
  at: (operation) => (operation === 'rename' ? { code: 'ENOSPC' } : undefined),
};

const noProcesses: Processes = {
  self: () => {
    throw new Error('no processes here');
  },
  start: () => {
    throw new Error('no processes here');
  },
  startDetached: () => Promise.reject(new Error('no processes here')),
  isAlive: async () => false,
  signalGroup: async () => false,
  signalProcess: async () => false,
  find: async () => undefined,
};

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

export interface StartChange {
  readonly id?: string;
  readonly type?: WorkspaceType;
  readonly servicePrefix?: string;
  readonly metadata?: Partial<WorkspaceMetadata>;
  readonly spec?: Partial<StartWorkspaceSpec>;
}

/** A complete request with `change` in it. */
export function startRequest(change: StartChange = {}): StartWorkspaceRequest {
  const { metadata, spec, ...plain } = change;
  return {
    id: 'instance-1',
    servicePrefix: 'workspace-1',
    type: 0,
    ...plain,
    metadata: WorkspaceMetadata.fromPartial({ owner: 'owner-1', metaId: 'workspace-1', ...metadata }),
    spec: {
      ...StartWorkspaceSpec.fromPartial({
        workspaceImage: 'image',
        workspaceLocation: 'repo',
        initializer: { spec: { $case: 'empty', value: {} } },
      }),
      ...spec,
    },
  };
}

export function instanceId(text: string): InstanceId {
  if (!isInstanceId(text)) throw new Error(`${text} is no instance id`);
  return text;
}
