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
  /**
   * Reserves, durably, what each port of a new instance needs to be reached; throws when there is none. It is given back
   * by `forget`, or once a record does not name the port.
   */
  check(instance: InstanceId, ports: readonly Port[]): Promise<void>;
  /** The same for a port that `change` adds to a known instance; of a change that fails nothing stays reserved. */
  adding(instance: Exposing, port: Port, change: () => Promise<void>): Promise<void>;
  /** Where the port is reached; undefined as long as it cannot be. */
  urlOf(instance: InstanceId, port: Port): string | undefined;
  /** Brings what listens in step with the newest record. Never throws. */
  apply(instance: Exposing): void;
  /** All ports of the instance and what became of them, sorted by number. */
  list(instance: Exposing): Promise<readonly PortState[]>;
  /** Gives back what was reserved. */
  forget(instance: InstanceId): Promise<void>;
}

export interface LocalPortsOptions {
  readonly range: HostPortRange;
  readonly hostPorts: HostPorts;
  readonly runtime: Pick<WorkspaceRuntime, 'listener'>;
  readonly logger: Logger;
}

/** The ports of one instance. */
interface Exposed {
  readonly fronts: Map<number, PortFront>;
  /** Those that are shut already, and not gone yet. */
  readonly closing: Map<number, Promise<void>>;
  /** Why a port cannot be reached although it should. */
  readonly problems: Map<number, string>;
  /** What the newest record asks for, and what was last brought about. */
  wanted: readonly Port[];
  done: readonly Port[];
  /** More is reserved than the newest record asks for. */
  hasSurplus: boolean;
  work: Promise<void> | undefined;
}

/** Ports of instances on the loopback address of this machine, as long as their commands run. */
export class LocalPorts implements PortForwarding {
  readonly #options: LocalPortsOptions;
  readonly #exposed = new Map<InstanceId, Exposed>();
  /** Reserved for a change that is under way. */
  readonly #promised = new Set<{ readonly instance: InstanceId; readonly port: number }>();
  #isClosed = false;

  constructor(options: LocalPortsOptions) {
    this.#options = options;
  }

  async check(instance: InstanceId, ports: readonly Port[]): Promise<void> {
    for (const { port } of ports) await this.#options.hostPorts.reserve(instance, port);
  }

  async adding(instance: Exposing, { port }: Port, change: () => Promise<void>): Promise<void> {
    const { instance: id } = instance.parts.identity;
    const promise = { instance: id, port };
    this.#promised.add(promise);
    try {
      await this.#options.hostPorts.reserve(id, port);
      await change();
    } finally {
      this.#promised.delete(promise);
      this.apply(instance);
    }
  }

  /** Of instances that nobody knows any more, as after a crash while one was being accepted. */
  async forgetOthers(known: ReadonlySet<InstanceId>): Promise<void> {
    for (const instance of this.#options.hostPorts.instances()) {
      if (!known.has(instance)) await this.forget(instance);
    }
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
    const hasSurplus = !this.#isClosed && this.#surplusOf(instance).length > 0;
    const known = this.#exposed.get(id);
    if (known === undefined && wanted.length === 0 && !hasSurplus) return;
    const exposed = known ?? nothingExposed();
    this.#exposed.set(id, exposed);
    exposed.wanted = wanted;
    exposed.hasSurplus ||= hasSurplus;
    follow(exposed);
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
      follow(exposed);
      while (exposed.work !== undefined) await exposed.work;
      await Promise.all(exposed.closing.values());
    }
    this.#exposed.clear();
  }

  /** Until what listens is what the newest record asks for. */
  #goOn(instance: Exposing, exposed: Exposed): void {
    if (exposed.work !== undefined) return;
    if (exposed.done !== exposed.wanted || exposed.hasSurplus) {
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
    for (const [number, closed] of exposed.closing) {
      await closed;
      exposed.closing.delete(number);
    }
    exposed.hasSurplus = false;
    await this.#giveBack(instance);
    exposed.problems.clear();
    for (const port of wanted) {
      // Where it listened may still be closing; the next round waits for that.
      if (exposed.wanted !== wanted) return;
      await this.#expose(instance, exposed, port);
    }
    exposed.done = wanted;
  }

  /** One that is on its way out keeps what its status shows; nothing of one that has stopped will be reached again. */
  #surplusOf({ parts, record }: Exposing): readonly number[] {
    if (record === undefined) return [];
    const { instance } = parts.identity;
    const named = phaseOf(record.life) === 'stopped' ? [] : record.settings.ports;
    const kept = new Set(named.map(({ port }) => port));
    for (const promise of this.#promised) if (promise.instance === instance) kept.add(promise.port);
    return this.#options.hostPorts.portsOf(instance).filter((port) => !kept.has(port));
  }

  async #giveBack(instance: Exposing): Promise<void> {
    const { identity } = instance.parts;
    for (const port of this.#surplusOf(instance)) {
      // Somebody may want it again meanwhile.
      if (!this.#surplusOf(instance).includes(port)) continue;
      try {
        await this.#options.hostPorts.release(identity.instance, port);
      } catch (error) {
        this.#options.logger.warn({ err: error, ...identity }, 'a host port could not be given back');
      }
    }
  }

  async #expose(instance: Exposing, exposed: Exposed, port: Port): Promise<void> {
    if (exposed.fronts.has(port.port)) return;
    try {
      await this.#open(instance, exposed, port);
    } catch (error) {
      const { identity } = instance.parts;
      exposed.problems.set(port.port, toStewardError(error).message);
      this.#options.logger.warn({ err: error, ...identity, port: port.port }, 'a port cannot be reached');
    }
  }

  /** Where it was reached before; elsewhere, and then told, when that place is taken. */
  async #open(instance: Exposing, exposed: Exposed, port: Port): Promise<void> {
    const { hostPorts } = this.#options;
    const { instance: id } = instance.parts.identity;
    const before = hostPorts.get(id, port.port);
    let hostPort = await hostPorts.reserve(id, port.port);
    let front = this.#frontOf(instance, port, hostPort);
    for (let tries = 1; !(await isOpened(front, tries)); tries += 1) {
      hostPort = await hostPorts.exchange(id, port.port);
      front = this.#frontOf(instance, port, hostPort);
    }
    exposed.fronts.set(port.port, front);
    // What changed meanwhile counts before the first connection does.
    follow(exposed);
    if (hostPort !== before) await instance.republish();
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

function nothingExposed(): Exposed {
  return {
    ...{ fronts: new Map(), closing: new Map(), problems: new Map() },
    ...{ wanted: [], done: [], hasSurplus: false, work: undefined },
  };
}

/** At once, whatever else is under way: who may not enter any more does not, and what is not exposed is shut. */
function follow(exposed: Exposed): void {
  for (const [number, front] of exposed.fronts) {
    const port = exposed.wanted.find((one) => one.port === number);
    if (port !== undefined) {
      front.change(port);
      continue;
    }
    exposed.fronts.delete(number);
    exposed.closing.set(number, front.close());
  }
}

/** False when somebody else has its place, and another may be tried. */
async function isOpened(front: PortFront, tries: number): Promise<boolean> {
  try {
    await front.open();
    return true;
  } catch (error) {
    const isTaken = error instanceof StewardError && error.code === 'address-in-use';
    if (!isTaken || tries >= HOST_PORT_TRIES_MAX) throw error;
    return false;
  }
}
