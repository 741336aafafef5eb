import type { Logger } from 'pino';
import type { Identity } from '../../machines/content-types.js';
import type { InstanceId } from '../../machines/ids.js';
import { type LifeFacts, phaseOf } from '../../machines/workspace-phase.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { PortState } from '../gen/steward/v1/runtime.js';
import type { Port } from '../runtime/port.js';
import { Access } from '../runtime/ports/access.js';
import type { HostPortRange, HostPorts } from '../runtime/ports/host-ports.js';
import { PortFront } from '../runtime/ports/port-front.js';
import type { WorkspaceRuntime } from '../runtime/workspace-runtime.js';
import { HOST_PORT_TRIES_MAX } from './bounds.js';
import { PROTOCOLS, VISIBILITIES } from './port-wire.js';

/** What of an instance its ports depend on. */
export interface Exposing {
  readonly parts: { readonly identity: Identity; readonly ownerToken: string };
  readonly record:
    | { readonly settings: { readonly ports: readonly Port[] }; readonly life: LifeFacts }
    | undefined;
  /** Something that its status shows has changed. */
  republish(): Promise<void>;
}

/** How exposed ports become reachable. */
export interface PortForwarding {
  /** Reserves, durably, what each port needs to be reached; throws when there is none. May be called again. */
  check(instance: InstanceId, ports: readonly Port[]): Promise<void>;
  /** Where the port is reached; undefined as long as it cannot be. */
  urlOf(instance: InstanceId, port: Port): string | undefined;
  /** Brings what listens in step with the newest record. Never throws. */
  apply(instance: Exposing): void;
  /** All ports of the instance and what became of them, sorted by number. */
  list(instance: Exposing): Promise<readonly PortState[]>;
  /** Gives back what was reserved. */
  forget(instance: InstanceId): Promise<void>;
}

/** Ports are noted, and nothing listens. */
export const noForwarding: PortForwarding = {
  check: async () => undefined,
  urlOf: () => undefined,
  apply: () => undefined,
  list: async () => [],
  forget: async () => undefined,
};

export interface LocalPortsOptions {
  readonly range: HostPortRange;
  readonly hostPorts: HostPorts;
  readonly runtime: Pick<WorkspaceRuntime, 'listener'>;
  readonly logger: Logger;
}

/** The ports of one instance. */
interface Exposed {
  readonly fronts: Map<number, PortFront>;
  /** Why a port cannot be reached although it should. */
  readonly problems: Map<number, string>;
  /** What the newest record asks for, and what was last brought about. */
  wanted: readonly Port[];
  done: readonly Port[];
  work: Promise<void> | undefined;
}

/** Ports of instances on the loopback address of this machine, as long as their commands run. */
export class LocalPorts implements PortForwarding {
  readonly #options: LocalPortsOptions;
  readonly #exposed = new Map<InstanceId, Exposed>();
  #isClosed = false;

  constructor(options: LocalPortsOptions) {
    this.#options = options;
  }

  async check(instance: InstanceId, ports: readonly Port[]): Promise<void> {
    for (const { port } of ports) await this.#options.hostPorts.reserve(instance, port);
  }

  /** A public port speaks what the program does; before a private one stands a door that speaks HTTP. */
  urlOf(instance: InstanceId, { port, visibility, protocol }: Port): string | undefined {
    const { range, hostPorts } = this.#options;
    const hostPort = hostPorts.get(instance, port);
    if (hostPort === undefined) return undefined;
    return `${visibility === 'public' ? protocol : 'http'}://${range.host}:${hostPort}/`;
  }

  apply(instance: Exposing): void {
    const { instance: id } = instance.parts.identity;
    const isRunning = instance.record !== undefined && phaseOf(instance.record.life) === 'running';
    const wanted = isRunning && !this.#isClosed ? (instance.record?.settings.ports ?? []) : [];
    const known = this.#exposed.get(id);
    if (known === undefined && wanted.length === 0) return;
    const exposed = known ?? { fronts: new Map(), problems: new Map(), wanted, done: [], work: undefined };
    this.#exposed.set(id, exposed);
    exposed.wanted = wanted;
    this.#goOn(instance, exposed);
  }

  async list(instance: Exposing): Promise<readonly PortState[]> {
    const ports = [...(instance.record?.settings.ports ?? [])].sort((one, other) => one.port - other.port);
    return Promise.all(ports.map((port) => this.#stateOf(instance, port)));
  }

  async forget(instance: InstanceId): Promise<void> {
    await this.#options.hostPorts.forget(instance);
  }

  /** Nothing is reached any more; what is reserved stays so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const exposed of [...this.#exposed.values()]) {
      exposed.wanted = [];
      while (exposed.work !== undefined) await exposed.work;
      for (const front of exposed.fronts.values()) await front.close();
    }
    this.#exposed.clear();
  }

  /** Until what listens is what the newest record asks for. */
  #goOn(instance: Exposing, exposed: Exposed): void {
    if (exposed.work !== undefined) return;
    if (exposed.done !== exposed.wanted) {
      exposed.work = this.#bringInStep(instance, exposed).finally(() => {
        exposed.work = undefined;
        this.#goOn(instance, exposed);
      });
    } else if (exposed.wanted.length === 0) {
      this.#exposed.delete(instance.parts.identity.instance);
    }
  }

  async #bringInStep(instance: Exposing, exposed: Exposed): Promise<void> {
    const { wanted } = exposed;
    for (const [number, front] of exposed.fronts) {
      if (wanted.some(({ port }) => port === number)) continue;
      exposed.fronts.delete(number);
      await front.close();
      await this.#giveBack(instance, number);
    }
    exposed.problems.clear();
    for (const port of wanted) await this.#expose(instance, exposed, port);
    exposed.done = wanted;
  }

  /** What is not exposed any more; an instance that only stopped keeps what its status shows. */
  async #giveBack(instance: Exposing, number: number): Promise<void> {
    if (instance.record?.settings.ports.some(({ port }) => port === number)) return;
    const { identity } = instance.parts;
    try {
      await this.#options.hostPorts.release(identity.instance, number);
    } catch (error) {
      this.#options.logger.warn({ err: error, ...identity }, 'a host port could not be given back');
    }
  }

  async #expose(instance: Exposing, exposed: Exposed, port: Port): Promise<void> {
    const open = exposed.fronts.get(port.port);
    if (open !== undefined) {
      open.change(port);
      return;
    }
    try {
      exposed.fronts.set(port.port, await this.#open(instance, port));
    } catch (error) {
      const { identity } = instance.parts;
      exposed.problems.set(port.port, toStewardError(error).message);
      this.#options.logger.warn({ err: error, ...identity, port: port.port }, 'a port cannot be reached');
    }
  }

  /** Where it was reached before; elsewhere, and then told, when that place is taken. */
  async #open(instance: Exposing, port: Port): Promise<PortFront> {
    const { hostPorts } = this.#options;
    const { instance: id } = instance.parts.identity;
    const before = hostPorts.get(id, port.port);
    let hostPort = await hostPorts.reserve(id, port.port);
    for (let tries = 1; ; tries += 1) {
      const front = this.#frontOf(instance, port, hostPort);
      try {
        await front.open();
        if (hostPort !== before) await instance.republish();
        return front;
      } catch (error) {
        const isTaken = error instanceof StewardError && error.code === 'address-in-use';
        if (!isTaken || tries >= HOST_PORT_TRIES_MAX) throw error;
        hostPort = await hostPorts.exchange(id, port.port);
      }
    }
  }

  #frontOf({ parts }: Exposing, port: Port, hostPort: number): PortFront {
    const { range, runtime } = this.#options;
    const { instance } = parts.identity;
    const access = new Access(parts.ownerToken, `${instance} ${port.port}`);
    const behind = () => runtime.listener(instance, port.port);
    return new PortFront({ host: range.host, hostPort, access, behind }, port);
  }

  async #stateOf(instance: Exposing, port: Port): Promise<PortState> {
    const { range, hostPorts, runtime } = this.#options;
    const { instance: id } = instance.parts.identity;
    const exposed = this.#exposed.get(id);
    const front = exposed?.fronts.get(port.port);
    const served = (await runtime.listener(id, port.port)) !== undefined;
    const nobody = served ? '' : 'no program of the workspace listens on it';
    const closed = exposed?.problems.get(port.port) ?? 'the instance does not run';
    return {
      port: port.port,
      visibility: VISIBILITIES[port.visibility],
      protocol: PROTOCOLS[port.protocol],
      url: this.urlOf(id, port) ?? '',
      forwardedFrom: front === undefined ? '' : `${range.host}:${hostPorts.get(id, port.port)}`,
      served,
      problem: front === undefined ? closed : nobody,
      connections: front?.connections ?? 0,
    };
  }
}
