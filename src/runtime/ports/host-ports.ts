import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { z } from 'zod';
import type { InstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import type { RecordStore } from '../../records/record-store.js';
import type { RecordSchema } from '../../records/schema.js';
import { HOST_PORTS_PER_INSTANCE_MAX } from '../bounds.js';

/** Where ports of instances are reached on this machine. */
export interface HostPortRange {
  readonly host: string;
  readonly first: number;
  readonly last: number;
}

/** The host port of each port of one instance. */
type Reserved = Readonly<Record<string, number>>;

export const reservedSchema: RecordSchema<Reserved> = {
  version: 1,
  migrations: {},
  parse: (body) => z.record(z.string().regex(/^\d+$/), z.number().int().min(1).max(65_535)).parse(body),
};

/**
 * Which host port belongs to which port of which instance: the same one, over restarts, until it is given back. The
 * search begins where the two names lead, so that the same port of the same instance tends to be found there again.
 */
export class HostPorts {
  readonly #range: HostPortRange;
  readonly #store: RecordStore<Reserved>;
  readonly #reserved = new Map<InstanceId, ReadonlyMap<number, number>>();
  readonly #taken = new Set<number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(range: HostPortRange, store: RecordStore<Reserved>) {
    this.#range = range;
    this.#store = store;
  }

  /** Takes up what an earlier life reserved; to be used once, first of all. */
  async load(isInstance: (key: string) => key is InstanceId): Promise<void> {
    for await (const { key, body } of this.#store.loadAll()) {
      if (!isInstance(key)) continue;
      const ports = new Map(Object.entries(body).map(([port, hostPort]) => [Number(port), hostPort]));
      this.#reserved.set(key, ports);
      for (const hostPort of ports.values()) this.#taken.add(hostPort);
    }
  }

  get(instance: InstanceId, port: number): number | undefined {
    return this.#reserved.get(instance)?.get(port);
  }

  /** Everybody who has any. */
  instances(): readonly InstanceId[] {
    return [...this.#reserved.keys()];
  }

  /** Ports of the instance that have one. */
  portsOf(instance: InstanceId): readonly number[] {
    return [...(this.#reserved.get(instance)?.keys() ?? [])];
  }

  /** Resolves when it is on disk; `overloaded` when every port of the range is taken. */
  reserve(instance: InstanceId, port: number): Promise<number> {
    return this.#inTurn(async () => this.get(instance, port) ?? this.#assign(instance, port, undefined));
  }

  /** Another one, because somebody else has taken this one meanwhile. */
  exchange(instance: InstanceId, port: number): Promise<number> {
    return this.#inTurn(() => this.#assign(instance, port, this.get(instance, port)));
  }

  release(instance: InstanceId, port: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.get(instance, port) === undefined) return;
      await this.#keep(
        instance,
        new Map([...(this.#reserved.get(instance) ?? [])].filter(([one]) => one !== port)),
      );
    });
  }

  forget(instance: InstanceId): Promise<void> {
    return this.#inTurn(() => this.#keep(instance, new Map()));
  }

  async #assign(instance: InstanceId, port: number, not: number | undefined): Promise<number> {
    if ((this.#reserved.get(instance)?.size ?? 0) >= HOST_PORTS_PER_INSTANCE_MAX) {
      throw new StewardError('overloaded', `the instance holds ${HOST_PORTS_PER_INSTANCE_MAX} host ports`);
    }
    for (const candidate of this.#candidates(instance, port)) {
      if (candidate === not || candidate === port || this.#taken.has(candidate)) continue;
      if (!(await canListen(this.#range.host, candidate))) continue;
      await this.#keep(instance, new Map([...(this.#reserved.get(instance) ?? []), [port, candidate]]));
      return candidate;
    }
    const { first, last } = this.#range;
    throw new StewardError('overloaded', `every host port from ${first} to ${last} is taken`);
  }

  *#candidates(instance: InstanceId, port: number): Generator<number> {
    const { first, last } = this.#range;
    const count = last - first + 1;
    const start = createHash('sha256').update(`${instance} ${port}`).digest().readUInt32BE() % count;
    for (let step = 0; step < count; step += 1) yield first + ((start + step) % count);
  }

  async #keep(instance: InstanceId, ports: ReadonlyMap<number, number>): Promise<void> {
    if (ports.size === 0) await this.#store.remove(instance);
    else await this.#store.write(instance, Object.fromEntries(ports));
    for (const hostPort of this.#reserved.get(instance)?.values() ?? []) this.#taken.delete(hostPort);
    for (const hostPort of ports.values()) this.#taken.add(hostPort);
    if (ports.size === 0) this.#reserved.delete(instance);
    else this.#reserved.set(instance, ports);
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}
