import type { Identity } from '../../machines/content-types.js';
import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import { phaseOf, type StopRequest } from '../../machines/workspace-phase.js';
import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { StartWorkspaceRequest } from '../gen/ws-manager-api/core.js';
import type { RecordStore } from '../records/record-store.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { INSTANCES_MAX, STOPPED_MAX, STOPPED_UNTOLD_MS } from './bounds.js';
import { Instance, type InstanceOptions, type InstanceParts } from './instance/instance.js';
import type { InstanceRecord } from './instance/instance-record.js';
import { instanceSupervisor } from './instance/supervise.js';
import type { PortForwarding } from './runtime-ports.js';
import type { Versions } from './versions.js';

export interface InstancesOptions {
  readonly clock: Clock;
  readonly stoppedQuietMs: number;
  readonly instance: Omit<InstanceOptions, 'store' | 'nextVersion'>;
  readonly records: RecordStore<InstanceRecord>;
  readonly tokens: RecordStore<{ readonly token: string }>;
  readonly newToken: () => string;
  /** Its token was not found any more; `error`: why it has no new one yet, so that nobody can show one. */
  readonly onTokenLost: (identity: Identity, error: unknown) => void;
  readonly ports: Pick<PortForwarding, 'check' | 'forget'>;
  /** Whether somebody still has to be told about it. */
  readonly isAwaited: (instance: InstanceId) => boolean;
  /** Nothing of it is kept any more. */
  readonly onForgotten: (instance: InstanceId) => void;
}

/** All instances of this manager: those that live, each under a supervisor of its own, and those remembered. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #all = new Map<InstanceId, Instance>();
  /** When somebody was first told that the instance stopped. */
  readonly #toldStopped = new Map<InstanceId, number>();
  /** Whose status has to be told again, because it shows a new token. */
  readonly #retokened = new Set<Instance>();
  #versions: Versions | undefined;
  #supervisor: () => Supervisor | undefined = () => undefined;

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** Takes up every recorded instance; they go on when `supervise` is called. */
  async load(): Promise<void> {
    const tokens = new Map<string, string>();
    for await (const { key, body } of this.#options.tokens.loadAll()) tokens.set(key, body.token);
    for await (const { body } of this.#options.records.loadAll()) {
      const { instance } = body.life.identity;
      const token = tokens.get(instance);
      const parts: InstanceParts = {
        identity: body.life.identity,
        kind: body.life.kind,
        encoded: body.request,
        fingerprint: body.fingerprint,
        hasSecrets: body.hasSecrets,
        url: body.url,
        ownerToken: token ?? (await this.#replaceToken(body.life.identity)),
        settings: body.settings,
      };
      const made = this.#make(parts, body);
      this.#all.set(instance, made);
      if (token === undefined) this.#retokened.add(made);
      tokens.delete(instance);
    }
    for (const orphan of tokens.keys()) await this.#options.tokens.remove(orphan);
  }

  /** Lets all recorded instances that have not stopped go on, as children of the (dynamic) supervisor. */
  async supervise(supervisor: () => Supervisor | undefined): Promise<void> {
    this.#supervisor = supervisor;
    const living = [...this.#all.values()].filter((instance) => !instance.isStopped);
    await Promise.all(living.map((instance) => this.#live(instance)));
    // A disk that does not take it leaves the version as it was; whoever asks is told the new token all the same.
    for (const instance of this.#retokened) await instance.republish().catch(() => undefined);
    this.#retokened.clear();
  }

  /** Before the first instance is made or goes on. */
  numberWith(versions: Versions): void {
    this.#versions = versions;
  }

  get highestVersion(): number {
    return Math.max(0, ...[...this.#all.values()].map(({ record }) => record?.version ?? 0));
  }

  ids(): InstanceId[] {
    return [...this.#all].filter(([, { record }]) => record !== undefined).map(([id]) => id);
  }

  /** One whose request is on disk. */
  find(id: string): Instance | undefined {
    const instance = this.#named(id);
    return instance?.record === undefined ? undefined : instance;
  }

  get(id: string): Instance {
    const instance = this.find(id);
    if (instance !== undefined) return instance;
    throw new StewardError('unknown-instance', 'no instance has this id');
  }

  /** Those whose secrets are still needed. */
  needingSecrets(): ReadonlySet<string> {
    const living = [...this.#all.values()].filter(({ parts, isStopped }) => parts.hasSecrets && !isStopped);
    return new Set(living.map(({ parts }) => parts.identity.instance));
  }

  /**
   * Resolves when the request is on disk. The same request again gets the same instance; another one for a known
   * id, or for a workspace that has an instance, is `already-exists`.
   */
  async start(parts: InstanceParts, request: StartWorkspaceRequest, signal: AbortSignal): Promise<Instance> {
    const { instance: id } = parts.identity;
    const known = this.#all.get(id);
    if (known !== undefined) {
      if (known.parts.fingerprint !== parts.fingerprint) throw taken('another request used this instance id');
      await known.accepted(signal);
      return known;
    }
    this.#refuseSecond(parts);
    if (this.#all.size >= INSTANCES_MAX) {
      throw new StewardError('overloaded', `${INSTANCES_MAX} instances exist`);
    }
    const instance = this.#make(parts, undefined);
    this.#all.set(id, instance);
    // Goes on when the caller leaves; what was never recorded is not kept either way.
    const recorded = this.#record(instance, request);
    recorded.catch(() => undefined);
    await Promise.race([recorded, instance.accepted(signal)]);
    return instance;
  }

  async #record(instance: Instance, request: StartWorkspaceRequest): Promise<void> {
    try {
      await this.#keepApart(instance.parts, request);
      await this.#live(instance);
      await instance.accepted();
    } catch (error) {
      if (instance.record === undefined) {
        instance.refuse(error);
        await this.#drop(instance.parts.identity.instance);
      }
      throw error;
    }
  }

  /** Resolves when the stop request is on disk; nothing happens for an instance nobody knows. */
  async stop(id: string, request: StopRequest, signal: AbortSignal): Promise<void> {
    const instance = this.#named(id);
    if (instance === undefined) return;
    const asked = instance.stop(request, signal);
    asked.catch(() => undefined);
    const own = this.#supervisor()?.find(id);
    if (own?.state === 'parked') await own.retry();
    await asked;
  }

  told(id: InstanceId): void {
    const instance = this.#all.get(id);
    if (instance?.isStopped && !this.#toldStopped.has(id))
      this.#toldStopped.set(id, this.#options.clock.now());
  }

  /** Starts again what failed so often that it was parked: what was in its way may be gone by now. */
  async retryParked(): Promise<void> {
    for (const id of this.#all.keys()) {
      const own = this.#supervisor()?.find(id);
      if (own?.state === 'parked') await own.retry();
    }
  }

  /** Forgets what stopped long enough ago and was told, and the oldest of too many. */
  async forget(): Promise<void> {
    const stopped = [...this.#all.values()].filter(({ isStopped }) => isStopped);
    stopped.sort((a, b) => (a.record?.life.at ?? 0) - (b.record?.life.at ?? 0));
    let surplus = stopped.length - STOPPED_MAX;
    for (const { parts, record } of stopped) {
      const id = parts.identity.instance;
      if (this.#options.isAwaited(id) || this.#supervisor()?.childSpec(id) !== undefined) continue;
      if (!this.#isOld(id, record?.life.at ?? 0) && !(surplus > 0 && this.#toldStopped.has(id))) continue;
      surplus -= 1;
      await this.#options.instance.tools.runtime.remove(id);
      await this.#drop(id);
    }
  }

  #isOld(id: InstanceId, stoppedAt: number): boolean {
    const now = this.#options.clock.now();
    const toldAt = this.#toldStopped.get(id);
    if (toldAt !== undefined && now - toldAt >= this.#options.stoppedQuietMs) return true;
    return now - stoppedAt >= STOPPED_UNTOLD_MS;
  }

  async #drop(id: InstanceId): Promise<void> {
    const { records, tokens, ports, instance } = this.#options;
    await ports.forget(id);
    this.#options.onForgotten(id);
    await records.remove(id);
    await tokens.remove(id);
    await instance.tools.secrets.drop(id);
    this.#all.delete(id);
    this.#toldStopped.delete(id);
  }

  /** On disk before anybody is told it; without a disk to keep it there is none, and nobody gets in. */
  async #replaceToken(identity: Identity): Promise<string> {
    const token = this.#options.newToken();
    try {
      await this.#options.tokens.write(identity.instance, { token });
    } catch (error) {
      this.#options.onTokenLost(identity, error);
      return '';
    }
    this.#options.onTokenLost(identity, undefined);
    return token;
  }

  #refuseSecond({ identity: { workspace } }: InstanceParts): void {
    for (const { parts, record, isStopped } of this.#all.values()) {
      if (isStopped || parts.identity.workspace !== workspace) continue;
      const phase = record === undefined ? 'pending' : phaseOf(record.life);
      throw taken(`the workspace has the instance ${parts.identity.instance}, which is ${phase}`);
    }
  }

  /** What may not stand in the record, on disk before the record is. */
  async #keepApart(parts: InstanceParts, request: StartWorkspaceRequest): Promise<void> {
    const { instance: id } = parts.identity;
    await this.#options.ports.check(id, parts.settings.ports);
    await this.#options.tokens.write(id, { token: parts.ownerToken });
    if (parts.hasSecrets) await this.#options.instance.tools.secrets.keep(id, request);
  }

  async #live(instance: Instance): Promise<void> {
    const started = await this.#supervisor()?.startChild(instanceSupervisor(instance));
    if (started === undefined) throw new StewardError('unavailable', 'the manager is starting or stopping');
    if (started.result === 'failed') throw started.error;
    if (started.result === 'refused') {
      throw new StewardError('unavailable', `the instance cannot be started now (${started.reason})`);
    }
  }

  #make(parts: InstanceParts, record: InstanceRecord | undefined): Instance {
    const next = async () => {
      if (this.#versions === undefined) throw new StewardError('unavailable', 'the manager is starting');
      return this.#versions.next();
    };
    const { instance, records } = this.#options;
    return new Instance({ ...instance, store: records, nextVersion: next }, parts, record);
  }

  #named(id: string): Instance | undefined {
    return isInstanceId(id) ? this.#all.get(id) : undefined;
  }
}

function taken(why: string): StewardError {
  return new StewardError('already-exists', why);
}
