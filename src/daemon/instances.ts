import type { contentMachine } from '../../machines/content-state.js';
import type { ContentLimits, Identity, SetupRequest } from '../../machines/content-types.js';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { ContentRecord } from '../../machines/record.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { Exit } from '../supervision/exit.js';
import { NORMAL } from '../supervision/exit.js';
import type { ChildContext, ChildSpec, StartedChild } from '../supervision/spec.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { INSTANCES_MAX, STOP_GRACE_MS } from './bounds.js';
import type { Finished } from './instance/finished.js';
import { Instance, type Moved } from './instance/instance.js';
import type { SecretStore, Secrets } from './instance/secrets.js';

/** Where the instances keep what must outlive them. */
export interface InstanceRecords {
  read(instance: InstanceId): ContentRecord | undefined;
  finished(instance: InstanceId): Finished | undefined;
}

export interface InstancesOptions {
  readonly clock: Clock;
  readonly machine: typeof contentMachine;
  readonly limits: ContentLimits;
  readonly records: InstanceRecords;
  readonly secrets: SecretStore;
  /** The dynamic supervisor that owns the actors; each instance has its own budget and is parked alone. */
  readonly supervisor: () => Supervisor;
  readonly onMoved: (instance: InstanceId, moved: Moved) => void;
}

export interface InitCommand {
  readonly identity: Identity;
  readonly request: SetupRequest;
  readonly secrets: Secrets;
}

/** All instances of this node: which live, which are finished, and which workspace each belongs to. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #live = new Map<InstanceId, Instance>();
  /** Every instance that is not gone, parked ones included. */
  readonly #owned = new Map<InstanceId, Identity>();
  readonly #byWorkspace = new Map<string, InstanceId>();
  #isDraining = false;

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#owned.size;
  }

  identities(): IterableIterator<Identity> {
    return this.#owned.values();
  }

  /** The living actor; throws for an instance that is parked or between two lives. */
  get(instance: InstanceId): Instance {
    const live = this.#live.get(instance);
    if (live !== undefined) return live;
    if (!this.#owned.has(instance)) throw this.#absent(instance);
    throw new StewardError(
      'parked',
      `instance ${instance} failed too often and waits for a person; its content is kept`,
    );
  }

  find(instance: InstanceId): Instance | undefined {
    return this.#live.get(instance);
  }

  owns(instance: InstanceId): boolean {
    return this.#owned.has(instance);
  }

  finished(instance: InstanceId): Finished | undefined {
    return this.#owned.has(instance) ? undefined : this.#options.records.finished(instance);
  }

  /**
   * Begins the set-up of a new instance, or joins the one under way when the request is the same.
   * Throws `already-exists`, `workspace-busy`, `overloaded` or `unavailable`, and then nothing has changed.
   */
  async init(command: InitCommand): Promise<Instance> {
    const { instance } = command.identity;
    const existing = this.#live.get(instance);
    if (existing !== undefined) return joined(existing, command);
    this.#refuse(command);
    this.#claim(command.identity);
    try {
      await this.#options.secrets.keep(instance, command.secrets);
      await this.#start(command.identity);
      const live = this.get(instance);
      live.send({ type: 'INIT', at: this.#options.clock.now(), request: command.request });
      return live;
    } catch (error) {
      this.#release(command.identity);
      await this.#options.secrets.drop(instance).catch(() => undefined);
      throw error;
    }
  }

  /** Brings a recorded instance back at start; resolves when it has looked at the world and gone on from there. */
  async recover(record: ContentRecord): Promise<void> {
    this.#claim(record.identity);
    await this.#start(record.identity);
    const live = this.#live.get(record.identity.instance);
    await live?.waitFor((view) => (isBack(view.step) ? true : undefined), new AbortController().signal);
  }

  /** Starts a parked instance again, with a fresh budget. */
  async retry(instance: InstanceId): Promise<Instance> {
    if (this.#owned.has(instance) && !this.#live.has(instance)) {
      await this.#options.supervisor().retryChild(instance);
    }
    return this.get(instance);
  }

  /** From now on nothing new begins. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Waits until no effect runs on any instance, at most so long. What still runs is aborted by the stop. */
  async settleJobs(clock: Clock, milliseconds: number): Promise<void> {
    const busy = [...this.#live.values()].filter(({ lane }) => !lane.isIdle);
    await Promise.all(busy.map(({ lane }) => lane.idle(clock, milliseconds)));
  }

  #refuse(command: InitCommand): void {
    const { instance, workspace, owner } = command.identity;
    if (this.#isDraining) throw new StewardError('unavailable', 'the daemon is stopping');
    if (this.#owned.has(instance))
      throw new StewardError('already-exists', `instance ${instance} exists already`);
    const finished = this.#options.records.finished(instance);
    if (finished?.wasAvailable === true) {
      throw new StewardError(
        'already-exists',
        `instance ${instance} existed and has ended; ids are used once`,
      );
    }
    const other = this.#byWorkspace.get(workspaceKey(owner, workspace));
    if (other !== undefined) {
      throw new StewardError(
        'workspace-busy',
        `workspace ${workspace} still has instance ${other} on this node`,
      );
    }
    if (this.#owned.size >= INSTANCES_MAX) {
      throw new StewardError('overloaded', `this node holds ${INSTANCES_MAX} instances already`);
    }
  }

  #absent(instance: InstanceId): StewardError {
    if (this.finished(instance) === undefined) {
      return new StewardError('unknown-instance', `no instance ${instance} is known here`);
    }
    return new StewardError('wrong-state', `instance ${instance} has ended and its content was removed`);
  }

  #claim(identity: Identity): void {
    this.#owned.set(identity.instance, identity);
    this.#byWorkspace.set(workspaceKey(identity.owner, identity.workspace), identity.instance);
  }

  #release(identity: Identity): void {
    this.#live.delete(identity.instance);
    this.#owned.delete(identity.instance);
    this.#byWorkspace.delete(workspaceKey(identity.owner, identity.workspace));
  }

  async #start(identity: Identity): Promise<void> {
    const result = await this.#options.supervisor().startChild(this.#childSpec(identity));
    if (result.result === 'started') return;
    const why = result.result === 'failed' ? toStewardError(result.error, 'unavailable') : undefined;
    throw why ?? new StewardError('unavailable', `instance ${identity.instance} could not be started`);
  }

  #childSpec(identity: Identity): ChildSpec {
    return {
      name: identity.instance,
      kind: 'worker',
      restart: 'transient',
      shutdown: STOP_GRACE_MS,
      start: (context) => this.#run(identity, context),
    };
  }

  /** One life of an instance's actor: from its record when there is one, else from nothing. */
  #run(identity: Identity, context: ChildContext): StartedChild {
    const { clock, limits, records } = this.#options;
    const record = records.read(identity.instance);
    const live = new Instance({
      machine: this.#options.machine,
      input:
        record === undefined
          ? { kind: 'new', identity, limits, at: clock.now() }
          : { kind: 'recorded', record, limits, at: clock.now() },
      onMoved: (moved) => this.#options.onMoved(identity.instance, moved),
    });
    this.#live.set(identity.instance, live);
    context.onKill(() => {
      live.halt();
      return [];
    });
    live.start();
    return {
      exit: this.#lifeOf(identity, live),
      stop: () => this.#stop(live),
    };
  }

  async #stop(live: Instance): Promise<void> {
    live.halt();
    await live.lane.idle(this.#options.clock, STOP_GRACE_MS);
  }

  /** How a life ends: for good, or so that the supervisor brings the instance back from its record. */
  async #lifeOf(identity: Identity, live: Instance): Promise<Exit> {
    try {
      const view = await live.over;
      if (view.step !== 'failed') {
        this.#release(identity);
        return NORMAL;
      }
      const { failure } = view.context;
      const text =
        failure === undefined ? 'it failed without a reason' : `${failure.code}: ${failure.message}`;
      return { kind: 'abnormal', error: new Error(text) };
    } finally {
      if (this.#live.get(identity.instance) === live) this.#live.delete(identity.instance);
    }
  }
}

/** A second Init of a living instance: the same one joins, another one is refused. */
function joined(existing: Instance, command: InitCommand): Instance {
  const { context } = existing.view;
  const isSame =
    context.request?.fingerprint === command.request.fingerprint &&
    context.identity.workspace === command.identity.workspace &&
    context.identity.owner === command.identity.owner;
  if (isSame && existing.view.state === 'SETTING_UP') return existing;
  throw new StewardError('already-exists', `instance ${command.identity.instance} exists already`);
}

function isBack(step: string): boolean {
  return step !== 'recovering' && step !== 'settingUp.announcing';
}

function workspaceKey(owner: OwnerId, workspace: WorkspaceId): string {
  return `${owner}/${workspace}`;
}
