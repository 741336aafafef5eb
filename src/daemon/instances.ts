import type { contentMachine } from '../../machines/content-state.js';
import type { ContentLimits, Failure, Identity, SetupRequest } from '../../machines/content-types.js';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { ContentRecord } from '../../machines/record.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { Exit } from '../supervision/exit.js';
import { NORMAL } from '../supervision/exit.js';
import type { ChildContext, ChildSpec, StartedChild } from '../supervision/spec.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { EFFECTS_END_MS, INSTANCES_MAX, STOP_GRACE_MS } from './bounds.js';
import { ClosedWorkspaces } from './instance/closed-workspaces.js';
import type { Finished } from './instance/finished.js';
import type { Moved } from './instance/follower.js';
import { Instance } from './instance/instance.js';
import type { SecretStore, Secrets } from './instance/secrets.js';

/** Where the instances keep what must outlive them. */
export interface InstanceRecords {
  read(instance: InstanceId): ContentRecord | undefined;
  finished(instance: InstanceId): Finished | undefined;
  /** Resolves when no write of this instance's record is under way. */
  settled(instance: InstanceId): Promise<void>;
  /**
   * The first record of an instance was given up; one that comes late after all must not stay, and no other
   * instance of the workspace gets a record before it is gone.
   */
  discard(identity: Identity): void;
}

export interface InstancesOptions {
  readonly clock: Clock;
  readonly machine: typeof contentMachine;
  readonly limits: ContentLimits;
  readonly records: InstanceRecords;
  readonly secrets: SecretStore;
  /** Why nothing new may begin on this node now; undefined when it may. */
  readonly refusal?: () => StewardError | undefined;
  /** Whether a content folder of that name exists, whoever made it. */
  readonly hasContent: (instance: InstanceId) => Promise<boolean>;
  /** The dynamic supervisor that owns the actors; each instance has its own budget and is parked alone. */
  readonly supervisor: () => Supervisor;
  readonly onMoved: (instance: InstanceId, moved: Moved) => void;
}

export interface InitCommand {
  readonly identity: Identity;
  readonly request: SetupRequest;
  readonly secrets: Secrets;
}

/** Why an instance has no living actor. */
export interface Absence {
  /** It failed too often and waits for a Dispose or a person; else it will be started again by itself. */
  readonly isParked: boolean;
  readonly reason: string;
}

/** All instances of this node: which live, which are finished, and which workspace each belongs to. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #live = new Map<InstanceId, Instance>();
  /** Every instance that is not gone, parked ones included. */
  readonly #owned = new Map<InstanceId, Identity>();
  readonly #byWorkspace = new Map<string, InstanceId>();
  /** Instances whose actors have not got their INIT yet. */
  readonly #beginning = new Map<InstanceId, Promise<Instance>>();
  readonly #closed = new ClosedWorkspaces();
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

  /** The living actor; throws `parked`, or `unavailable` between two lives. */
  get(instance: InstanceId): Instance {
    const live = this.#live.get(instance);
    if (live !== undefined) return live;
    if (!this.#owned.has(instance)) throw this.#absent(instance);
    const absence = this.absences().get(instance);
    if (absence?.isParked !== true) {
      throw new StewardError('unavailable', `instance ${instance} is being started; try again`);
    }
    throw new StewardError(
      'parked',
      `instance ${instance} failed too often and waits for a person; its content is kept (${absence.reason})`,
    );
  }

  /** The living actor, also when its INIT is still on its way. */
  async begun(instance: InstanceId): Promise<Instance> {
    await this.#beginning.get(instance)?.catch(() => undefined);
    return this.get(instance);
  }

  /**
   * The living actor once it takes events: a Dispose as soon as it has looked at the world, a job when content
   * that is complete has been announced, too. What is sent to it earlier would be lost.
   */
  async listening(instance: InstanceId, event: 'dispose' | 'job', signal: AbortSignal): Promise<Instance> {
    const live = await this.begun(instance);
    const isDeaf = event === 'dispose' ? isDeafToDispose : isDeafToJobs;
    await live.waitFor((view) => (isDeaf(view.step) ? undefined : true), signal);
    if (this.#isDraining && live.view.state !== 'WRAPPING_UP') throw stopping();
    return live;
  }

  /** Every instance without a living actor. Looks at all children, so ask once for many. */
  absences(): ReadonlyMap<string, Absence> {
    const children = this.#options.supervisor().whichChildren();
    const absent = children.filter(({ state }) => state === 'parked' || state === 'waiting');
    return new Map(
      absent.map(({ name, state, lastError }) => [
        name,
        { isParked: state === 'parked', reason: lastError ?? 'it failed without a reason' },
      ]),
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
   * Begins the set-up of a new instance, or joins the one under way when the request is the same. Throws
   * `already-exists`, `workspace-busy`, `record-unreadable`, `overloaded` or `unavailable`, and then nothing has
   * changed.
   */
  async init(command: InitCommand): Promise<Instance> {
    const { instance } = command.identity;
    const beginning = this.#beginning.get(instance);
    const existing = beginning === undefined ? this.#live.get(instance) : await beginning;
    if (existing !== undefined) return joined(existing, command);
    this.#refuse(command);
    this.#claim(command.identity);
    const begun = this.#begin(command).finally(() => this.#beginning.delete(instance));
    this.#beginning.set(instance, begun);
    return begun;
  }

  /** Brings a recorded instance back at start; resolves when it has looked at the world and gone on from there. */
  async recover(record: ContentRecord): Promise<void> {
    const { instance } = record.identity;
    this.#claim(record.identity);
    await this.#start(record.identity);
    const back = this.#live
      .get(instance)
      ?.waitFor((view) => (isBack(view.step) ? true : undefined), endless());
    // One that crashes is its supervisor's; the others come back regardless.
    await back?.catch(() => undefined);
  }

  /** Another try at once: of a parked instance, and of a wrap-up that pauses before its next attempt. */
  async retry(instance: InstanceId): Promise<void> {
    await this.unpark(instance);
    this.find(instance)?.send({ type: 'RETRY', at: this.#options.clock.now() });
  }

  /** Starts the instance again, with a fresh budget, if it is parked. */
  async unpark(instance: InstanceId): Promise<void> {
    const isAbsent = this.#owned.has(instance) && !this.#live.has(instance);
    if (isAbsent) await this.#options.supervisor().retryChild(instance);
  }

  /** Until the answer is called no instance of the workspace, or of any of the owner, begins. */
  closeTo(owner: OwnerId, workspace: WorkspaceId | undefined): () => void {
    return this.#closed.close(owner, workspace);
  }

  /** From now on nothing new begins. */
  drain(): void {
    this.#isDraining = true;
  }

  /**
   * Waits until no effect runs on any instance, at most so long. What still runs is aborted by the stop, and so is
   * what `isHeld` tells has not begun.
   */
  async settleJobs(
    clock: Clock,
    milliseconds: number,
    isHeld: (instance: InstanceId) => boolean = () => false,
  ): Promise<void> {
    const busy = [...this.#live.values()].filter(({ lane }) => !lane.isIdle);
    await Promise.all(
      busy.map(({ lane, identity }) => lane.idle(clock, milliseconds, () => isHeld(identity.instance))),
    );
  }

  async #begin({ identity, request, secrets }: InitCommand): Promise<Instance> {
    const { instance } = identity;
    try {
      await this.#refuseUnknownContent(instance);
      await this.#options.secrets.keep(instance, secrets);
      await this.#start(identity);
      const live = this.get(instance);
      live.send({ type: 'INIT', at: this.#options.clock.now(), request });
      return live;
    } catch (error) {
      await this.#options.secrets.drop(instance).catch(() => undefined);
      this.#release(identity);
      throw error;
    }
  }

  /** A set-up begins with an empty folder: it must not wipe content whose record could not be read. */
  async #refuseUnknownContent(instance: InstanceId): Promise<void> {
    const isThere = await this.#options.hasContent(instance).catch((error: unknown) => {
      throw toStewardError(error, 'unavailable');
    });
    if (!isThere) return;
    throw new StewardError(
      'record-unreadable',
      `there is content of an instance ${instance} on this node, but no record of it; it is left alone`,
    );
  }

  #refuse(command: InitCommand): void {
    const { instance, workspace, owner } = command.identity;
    if (this.#isDraining) throw stopping();
    this.#closed.refuse(command.identity);
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
    const refusal = this.#options.refusal?.();
    if (refusal !== undefined) throw refusal;
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
      start: async (context) => {
        // What a former life still writes must not come after what this one reads.
        await this.#options.records.settled(identity.instance);
        return this.#run(identity, context);
      },
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
    context.onKill(async () => {
      live.halt();
      if (await live.lane.idle(clock, EFFECTS_END_MS)) return [];
      return [{ kind: 'task', detail: `an effect of ${identity.instance} has not ended` }];
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
      switch (view.step) {
        case 'failed':
          return { kind: 'abnormal', error: new Error(textOf(view.context.failure)) };
        case 'refused':
          await this.#options.secrets.drop(identity.instance).catch(() => undefined);
          this.#options.records.discard(identity);
          this.#release(identity);
          return NORMAL;
        case 'gone':
          this.#release(identity);
          return NORMAL;
        default:
          // It was halted: it goes on from its record in the next life.
          return NORMAL;
      }
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

function isDeafToDispose(step: string): boolean {
  return step === 'starting' || step === 'none' || step === 'recovering';
}

function isDeafToJobs(step: string): boolean {
  return isDeafToDispose(step) || step === 'settingUp.announcing';
}

function isBack(step: string): boolean {
  return !isDeafToJobs(step);
}

function endless(): AbortSignal {
  return new AbortController().signal;
}

function stopping(): StewardError {
  return new StewardError('unavailable', 'the daemon is stopping');
}

function textOf(failure: Failure | undefined): string {
  return failure === undefined ? 'it failed without a reason' : `${failure.code}: ${failure.message}`;
}

function workspaceKey(owner: OwnerId, workspace: WorkspaceId): string {
  return `${owner}/${workspace}`;
}
