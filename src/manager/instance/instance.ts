import { isDeepStrictEqual } from 'node:util';
import { type Actor, createActor, type InspectionEvent, type SnapshotFrom } from 'xstate';
import { causeOf, stepOf } from '../../../machines/content-projection.js';
import type { lifeMachine } from '../../../machines/instance-life.js';
import type { LifeInput } from '../../../machines/instance-life-setup.js';
import { toRecord } from '../../../machines/instance-life-steps.js';
import type { LifeContext, LifeLimits } from '../../../machines/instance-life-types.js';
import { isEnding, type StopRequest, type WorkspaceKind } from '../../../machines/workspace-phase.js';
import type { Activity, DueTimeout } from '../../../machines/workspace-timeout.js';
import { StewardError } from '../../errors/steward-error.js';
import type { RecordStore } from '../../records/record-store.js';
import { abnormal, type Exit, NORMAL } from '../../supervision/exit.js';
import type { ChildContext, StartedChild } from '../../supervision/spec.js';
import { GRACE_NORMALLY_MS } from '../bounds.js';
import { type EffectTools, type InstanceRequest, livingMachine } from './effects.js';
import { InOrder } from './in-order.js';
import type { InstanceRecord } from './instance-record.js';
import { RecordWriter } from './record-writer.js';
import { type InstanceSettings, NEVER_ACTIVE } from './settings.js';
import { type TimeoutOptions, TimeoutWatch, timeoutsOf } from './timeout-watch.js';

/** One step of an instance's actor, as it happens. */
export interface Moved {
  readonly from: string;
  readonly to: string;
  /** An event's name, or which effect ended and how. */
  readonly cause: string;
  /** What it tells is on disk. */
  readonly isDurable: boolean;
  readonly context: LifeContext;
}

export interface InstanceOptions {
  readonly tools: EffectTools;
  readonly limits: LifeLimits;
  readonly store: RecordStore<InstanceRecord>;
  /** A status version larger than all before it. */
  readonly nextVersion: () => Promise<number>;
  readonly timeouts: TimeoutOptions;
  /** A newer record is on disk; `isNews`: a status made of it differs from the one before. */
  readonly onRecorded: (instance: Instance, isNews: boolean) => void;
  readonly onMoved: (instance: Instance, moved: Moved) => void;
  /** Secrets that could not be dropped; they go when the manager starts again. */
  readonly onSecretsLeft: (instance: Instance, error: unknown) => void;
}

export interface InstanceParts extends InstanceRequest {
  readonly kind: WorkspaceKind;
  /** Secret. */
  readonly ownerToken: string;
  /** What its start asks for. */
  readonly settings: InstanceSettings;
}

/** What users change of it. */
export interface Changeable {
  readonly settings: InstanceSettings;
  readonly activity: Activity;
}

type LifeActor = Actor<typeof lifeMachine>;

/** One instance, running or remembered. What it shows of itself is on disk. */
export class Instance {
  readonly parts: InstanceParts;
  readonly #options: InstanceOptions;
  readonly #order = new InOrder();
  readonly #watchers = new Set<() => void>();
  readonly #records: RecordWriter;
  readonly #timeouts: TimeoutWatch;
  #actor: LifeActor | undefined;
  /** The newest actor; its last step is told after it has ended. */
  #followed: LifeActor | undefined;
  #step = 'none';
  /** Asked for, and not on disk yet: an actor that comes back hears it again. */
  #wantedStop: StopRequest | undefined;
  /** Why there will never be a record of it. */
  #refusal: { readonly error: unknown } | undefined;

  constructor(options: InstanceOptions, parts: InstanceParts, record: InstanceRecord | undefined) {
    this.#options = options;
    this.parts = parts;
    const { store, nextVersion, timeouts, tools } = options;
    this.#records = new RecordWriter(parts.identity.instance, record, {
      store,
      nextVersion,
      onRecorded: (newest, isNews) => this.#recorded(newest, isNews),
    });
    this.#timeouts = new TimeoutWatch(tools.world.clock, timeouts, (reason) => this.#timeOut(reason));
  }

  /** The newest record on disk; undefined while the first one is being written. */
  get record(): InstanceRecord | undefined {
    return this.#records.record;
  }

  get isStopped(): boolean {
    return this.record !== undefined && this.record.life.disposal !== 'none';
  }

  /** One run of its actor, from the newest record. */
  run(child: ChildContext): StartedChild {
    const write = (context: LifeContext) => this.#write(context, child);
    const machine = livingMachine(this.#options.tools, this.parts, this.#order, write, () => this.record);
    const actor = createActor(machine, { input: this.#input(), inspect: (event) => this.#follow(event) });
    const exit = this.#exitOf(actor);
    child.onKill(() => {
      this.#timeouts.stop();
      actor.stop();
      return [];
    });
    this.#actor = actor;
    this.#followed = actor;
    this.#step = 'none';
    actor.start();
    this.#timeouts.follow(this.record);
    if (this.#wantedStop !== undefined) this.#sendStop(this.#wantedStop);
    return {
      exit,
      stop: async () => {
        this.#timeouts.stop();
        actor.stop();
        await this.#order.idle();
      },
    };
  }

  /** Resolves when the request is on disk; fails, with `record-not-written` or what it was refused with, when it never will be. */
  accepted(signal?: AbortSignal): Promise<void> {
    return this.#until(() => {
      if (this.#refusal !== undefined) throw this.#refusal.error;
      return this.record !== undefined;
    }, signal);
  }

  /** It will never be recorded: everybody who waits for that is told why, now and later. */
  refuse(error: unknown): void {
    this.#refusal ??= { error };
    this.#changed();
  }

  /** Resolves when the stop request is on disk, or there is nothing left to stop. */
  stop(request: StopRequest, signal: AbortSignal): Promise<void> {
    this.#wantedStop = {
      graceMs: Math.min(request.graceMs, this.#wantedStop?.graceMs ?? request.graceMs),
      aborted: request.aborted || this.#wantedStop?.aborted === true,
    };
    this.#sendStop(request);
    return this.#until(() => this.isStopped || this.#refusal !== undefined || this.#covers(request), signal);
  }

  /** Resolves when the change is on disk; `wrong-state` once it has stopped, for then nothing of it counts any more. */
  change(edit: (now: Changeable) => Partial<Changeable>): Promise<void> {
    return this.#records.change((draft) => {
      if (draft === undefined) throw new StewardError('unknown-instance', 'its start is not recorded');
      if (draft.life.disposal !== 'none') throw new StewardError('wrong-state', 'the instance has stopped');
      const change = edit(draft);
      const changed = { ...draft, ...change };
      return isDeepStrictEqual(changed, draft) ? draft : changed;
    });
  }

  /** Somebody uses it, or (`closed`) has stopped to. What is earlier than the time before is so because the clock was ahead then. */
  markActive(closed: boolean, ignoreIfActive: boolean): Promise<void> {
    const now = this.#options.tools.world.clock.now();
    return this.change(({ activity: { first } }) => {
      if (ignoreIfActive && first !== undefined) return {};
      return { activity: { first: first ?? now, last: now, closed } };
    });
  }

  /** Tells the status once more, under a new version: something it shows that is in no record has changed. */
  republish(): Promise<void> {
    return this.#records.change((draft) => {
      if (draft === undefined) throw new StewardError('unknown-instance', 'its start is not recorded');
      return { ...draft, life: { ...draft.life } };
    });
  }

  /** What may time out as things stand, soonest first, as it is watched. */
  timeouts(): readonly DueTimeout[] {
    const { record } = this;
    if (record === undefined || record.life.timedOut !== '') return [];
    const now = this.#options.tools.world.clock.now();
    return [...timeoutsOf(record, this.#options.timeouts, now)].sort((a, b) => a.at - b.at);
  }

  /** Whether what is recorded ends it as soon as the request wants. An actor that came back may count from later. */
  #covers({ graceMs, aborted }: StopRequest): boolean {
    const life = this.record?.life;
    if (life?.stop === undefined || life.killAt === undefined) return false;
    const isInTime = life.killAt <= this.#options.tools.world.clock.now() + graceMs;
    return isInTime && (life.stop.aborted || !aborted);
  }

  #sendStop(request: StopRequest): void {
    this.#actor?.send({ type: 'STOP', at: this.#options.tools.world.clock.now(), request });
  }

  #timeOut(reason: string): void {
    const at = this.#options.tools.world.clock.now();
    this.#actor?.send({ type: 'TIMEOUT', at, reason, graceMs: GRACE_NORMALLY_MS });
  }

  #input(): LifeInput {
    const { limits, tools } = this.#options;
    const at = tools.world.clock.now();
    if (this.record !== undefined) return { from: 'record', record: this.record.life, limits, at };
    return { from: 'request', identity: this.parts.identity, kind: this.parts.kind, limits, at };
  }

  #exitOf(actor: LifeActor): Promise<Exit> {
    return new Promise((resolve) => {
      actor.subscribe({
        error: (error) => resolve(this.#ended(actor, abnormal(error))),
        complete: () => resolve(this.#ended(actor, this.#outcome(actor.getSnapshot()))),
      });
    });
  }

  #follow(event: InspectionEvent): void {
    const actor = this.#followed;
    if (event.type !== '@xstate.snapshot' || actor === undefined || event.actorRef !== actor) return;
    const snapshot = actor.getSnapshot();
    const [from, to] = [this.#step, stepOf(snapshot.value)];
    if (to === from) return;
    this.#step = to;
    const isDurable = !snapshot.hasTag('recording');
    const { context } = snapshot;
    this.#options.onMoved(this, { from, to, cause: causeOf(event.event.type), isDurable, context });
  }

  #ended(actor: LifeActor, exit: Exit): Exit {
    if (this.#actor === actor) {
      this.#actor = undefined;
      this.#timeouts.stop();
    }
    this.#changed();
    return exit;
  }

  #outcome({ value, context }: SnapshotFrom<typeof lifeMachine>): Exit {
    if (value === 'stopped') return NORMAL;
    if (value !== 'refused') return abnormal(new Error(`it could not go on from ${context.waitingFor}`));
    this.refuse(new StewardError('record-not-written', 'the request could not be saved'));
    return NORMAL;
  }

  /** A late write of an earlier run is thrown away. */
  async #write(context: LifeContext, child: ChildContext): Promise<void> {
    const { encoded, fingerprint, hasSecrets, url, settings } = this.parts;
    const life = toRecord(context);
    await this.#records.change((draft) => {
      if (!child.isCurrent()) throw new StewardError('stale-generation', 'a newer run has taken over');
      if (draft !== undefined) return { ...draft, life };
      const activity = NEVER_ACTIVE;
      return { request: encoded, fingerprint, hasSecrets, url, settings, activity, life };
    });
    if (hasSecrets && (context.command.state !== 'none' || isEnding(context))) await this.#dropSecrets();
  }

  #recorded(record: InstanceRecord, isNews: boolean): void {
    if (this.#actor !== undefined) this.#timeouts.follow(record);
    this.#options.onRecorded(this, isNews);
    this.#changed();
  }

  async #dropSecrets(): Promise<void> {
    try {
      await this.#options.tools.secrets.drop(this.parts.identity.instance);
    } catch (error) {
      this.#options.onSecretsLeft(this, error);
    }
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #until(check: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        this.#watchers.delete(look);
        signal?.removeEventListener('abort', onAbort);
        end();
      };
      const look = () => {
        try {
          if (check()) settle(resolve);
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const onAbort = () => settle(() => reject(signal?.reason));
      this.#watchers.add(look);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
      else look();
    });
  }
}
