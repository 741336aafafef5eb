import type { Identity, SetupRequest } from '../../machines/content-types.js';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { ContentRecord, ParkedRecord } from '../../machines/record.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import { inTime } from '../gateways/deadline.js';
import { INSTANCES_MAX, PREPARE_DEADLINE_MS } from './bounds.js';
import { ClosedWorkspaces } from './instance/closed-workspaces.js';
import type { Finished } from './instance/finished.js';
import type { Instance } from './instance/instance.js';
import { type Failing, Lives, type LivesOptions } from './instance/lives.js';
import { parkedByFailing, parkedByHand } from './instance/parked.js';
import type { SecretStore, Secrets } from './instance/secrets.js';

/** Where the instances keep what must outlive them. */
export interface InstanceRecords {
  read(instance: InstanceId): ContentRecord | undefined;
  finished(instance: InstanceId): Finished | undefined;
  /** Resolves when no write of this instance's record is under way. */
  settled(instance: InstanceId): Promise<void>;
  /** Makes durable that somebody parked the instance, or no longer does; `record-not-written` without a record. */
  writeParked(instance: InstanceId, parked: ParkedRecord | undefined): Promise<void>;
  /**
   * The first record of an instance was given up; one that comes late after all must not stay, and no other
   * instance of the workspace gets a record before it is gone.
   */
  discard(identity: Identity): void;
}

export interface InstancesOptions extends Omit<LivesOptions, 'records' | 'onOver'> {
  readonly records: InstanceRecords;
  readonly secrets: SecretStore;
  /** Why nothing new may begin on this node now; undefined when it may. */
  readonly refusal?: () => StewardError | undefined;
  /** Whether a content folder of that name exists, whoever made it. */
  readonly hasContent: (instance: InstanceId) => Promise<boolean>;
}

export interface InitCommand {
  readonly identity: Identity;
  readonly request: SetupRequest;
  readonly secrets: Secrets;
}

/** Why an instance has no living actor. */
export interface Absence extends Failing {
  /** When somebody parked it; absent when it failed too often. */
  readonly parkedAt?: number;
}

/** All instances of this node: which live, which are finished, and which workspace each belongs to. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #lives: Lives;
  /** Every instance that is not gone, parked ones included. */
  readonly #owned = new Map<InstanceId, Identity>();
  readonly #byWorkspace = new Map<string, InstanceId>();
  /** Instances whose actors have not got their INIT yet. */
  readonly #beginning = new Map<InstanceId, Promise<Instance>>();
  /** Who waits for an instance to be released, until it is. */
  readonly #awaited = new Map<InstanceId, readonly (() => void)[]>();
  readonly #closed = new ClosedWorkspaces();
  #isDraining = false;

  constructor(options: InstancesOptions) {
    this.#options = options;
    this.#lives = new Lives({ ...options, onOver: (identity, how) => this.#over(identity, how) });
  }

  get size(): number {
    return this.#owned.size;
  }

  identities(): IterableIterator<Identity> {
    return this.#owned.values();
  }

  /** The living actor; throws `parked`, or `unavailable` between two lives. */
  get(instance: InstanceId): Instance {
    const parked = this.#parkedByHand(instance);
    if (parked !== undefined) throw parkedByHand(instance, parked);
    const live = this.find(instance);
    if (live !== undefined) return live;
    if (!this.#owned.has(instance)) throw this.#absent(instance);
    const failing = this.#lives.failing().get(instance);
    if (failing?.isParked !== true) {
      throw new StewardError('unavailable', `instance ${instance} is being started; try again`);
    }
    throw parkedByFailing(instance, failing.reason);
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

  /** Every instance without a living actor. Looks at all of them, so ask once for many. */
  absences(): ReadonlyMap<string, Absence> {
    const absent = new Map<string, Absence>(this.#lives.failing());
    for (const instance of this.#owned.keys()) {
      const parked = this.#parkedByHand(instance);
      if (parked === undefined) continue;
      absent.set(instance, { isParked: true, reason: parked.reason, parkedAt: parked.at });
    }
    return absent;
  }

  find(instance: InstanceId): Instance | undefined {
    return this.#lives.find(instance);
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
    const existing = beginning === undefined ? this.find(instance) : await beginning;
    if (existing?.view.step === 'refused') {
      // It never existed, and who is told that it does would wait for something that is taken back.
      await this.#inTime('taking a refused set-up back', this.#released(instance));
      return this.init(command);
    }
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
    if (record.parked !== undefined) return;
    await this.#lives.start(record.identity);
    const back = this.find(instance)?.waitFor((view) => (isBack(view.step) ? true : undefined));
    // One that crashes is its supervisor's; the others come back regardless.
    await back?.catch(() => undefined);
  }

  /** Another try at once: of a parked instance, and of a wrap-up that pauses before its next attempt. */
  async retry(instance: InstanceId): Promise<void> {
    await this.resume(instance);
    this.find(instance)?.send({ type: 'RETRY', at: this.#options.clock.now() });
  }

  /**
   * Everything of the instance stays as it is, over restarts too, and nothing is done for it, until it is resumed.
   * Whoever waits for it is told `parked`. Resolves when its work has ended. Throws `unavailable` before its first
   * record is on disk.
   */
  async park(instance: InstanceId, reason: string): Promise<void> {
    const { records, clock } = this.#options;
    await this.#beginning.get(instance)?.catch(() => undefined);
    await records.settled(instance);
    if (records.read(instance) === undefined) {
      throw new StewardError('unavailable', `instance ${instance} is being started; try again`);
    }
    await records.writeParked(instance, { at: clock.now(), reason });
    await this.#lives.end(instance);
  }

  /** Goes on with an instance that somebody parked, or whose restarts are used up. Nothing happens to others. */
  async resume(instance: InstanceId): Promise<void> {
    if (this.#parkedByHand(instance) === undefined) return this.unpark(instance);
    await this.#lives.end(instance);
    await this.#options.records.writeParked(instance, undefined);
    const identity = this.#owned.get(instance);
    if (identity !== undefined) await this.#lives.start(identity);
  }

  /** Starts the instance again, with a fresh budget, if its restarts are used up. What somebody parked stays so. */
  async unpark(instance: InstanceId): Promise<void> {
    if (this.#parkedByHand(instance) !== undefined) return;
    const isAbsent = this.#owned.has(instance) && this.find(instance) === undefined;
    if (isAbsent) await this.#lives.retry(instance);
  }

  /** Until the answer is called no instance of the workspace, or of any of the owner, begins. */
  closeTo(owner: OwnerId, workspace: WorkspaceId | undefined): () => void {
    return this.#closed.close(owner, workspace);
  }

  /** Until the answer is called no instance of that id begins; undefined when there is one. */
  keepOut(instance: InstanceId): (() => void) | undefined {
    return this.#owned.has(instance) ? undefined : this.#closed.closeId(instance);
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
    const busy = [...this.#lives.all()].filter(({ lane }) => !lane.isIdle);
    await Promise.all(
      busy.map(({ lane, identity }) => lane.idle(clock, milliseconds, () => isHeld(identity.instance))),
    );
  }

  async #begin({ identity, request, secrets }: InitCommand): Promise<Instance> {
    const { instance } = identity;
    try {
      await this.#inTime('looking for content', this.#refuseUnknownContent(instance));
      await this.#inTime('keeping credentials', this.#options.secrets.keep(instance, secrets));
      await this.#lives.start(identity);
      const live = this.get(instance);
      live.send({ type: 'INIT', at: this.#options.clock.now(), request });
      return live;
    } catch (error) {
      const dropping = this.#inTime('dropping credentials', this.#options.secrets.drop(instance));
      await dropping.catch(() => undefined);
      this.#release(identity);
      throw error;
    }
  }

  /** Housekeeping removes credentials that are there too late. */
  #inTime<Result>(what: string, work: Promise<Result>): Promise<Result> {
    return inTime(this.#options.clock, PREPARE_DEADLINE_MS, what, work);
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
    this.#lives.forget(identity.instance);
    this.#owned.delete(identity.instance);
    this.#byWorkspace.delete(workspaceKey(identity.owner, identity.workspace));
    for (const tell of this.#awaited.get(identity.instance) ?? []) tell();
    this.#awaited.delete(identity.instance);
  }

  #released(instance: InstanceId): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited.set(instance, [...(this.#awaited.get(instance) ?? []), resolve]);
    });
  }

  /** What somebody decided; its record says so until it is resumed. */
  #parkedByHand(instance: InstanceId): ParkedRecord | undefined {
    return this.#owned.has(instance) ? this.#options.records.read(instance)?.parked : undefined;
  }

  async #over(identity: Identity, how: 'gone' | 'refused'): Promise<void> {
    if (how === 'refused') {
      await this.#options.secrets.drop(identity.instance).catch(() => undefined);
      this.#options.records.discard(identity);
    }
    this.#release(identity);
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

function stopping(): StewardError {
  return new StewardError('unavailable', 'the daemon is stopping');
}

function workspaceKey(owner: OwnerId, workspace: WorkspaceId): string {
  return `${owner}/${workspace}`;
}
