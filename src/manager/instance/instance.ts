import { type Actor, createActor, type SnapshotFrom } from 'xstate';
import { stepOf } from '../../../machines/content-projection.js';
import type { lifeMachine } from '../../../machines/instance-life.js';
import type { LifeInput } from '../../../machines/instance-life-setup.js';
import { toRecord } from '../../../machines/instance-life-steps.js';
import type { LifeContext, LifeLimits } from '../../../machines/instance-life-types.js';
import { isEnding, type StopRequest, type WorkspaceKind } from '../../../machines/workspace-phase.js';
import { StewardError } from '../../errors/steward-error.js';
import type { RecordStore } from '../../records/record-store.js';
import { abnormal, type Exit, NORMAL } from '../../supervision/exit.js';
import type { ChildContext, StartedChild } from '../../supervision/spec.js';
import { type EffectTools, type InstanceRequest, livingMachine } from './effects.js';
import { InOrder } from './in-order.js';
import type { InstanceRecord } from './instance-record.js';

/** One step of an instance's actor, as it happens. */
export interface Moved {
  readonly from: string;
  readonly to: string;
  readonly context: LifeContext;
}

export interface InstanceOptions {
  readonly tools: EffectTools;
  readonly limits: LifeLimits;
  readonly store: RecordStore<InstanceRecord>;
  /** A status version larger than all before it. */
  readonly nextVersion: (signal: AbortSignal) => Promise<number>;
  /** A newer record is on disk. */
  readonly onRecorded: (instance: Instance) => void;
  readonly onMoved: (instance: Instance, moved: Moved) => void;
  /** Secrets that could not be dropped; they go when the manager starts again. */
  readonly onSecretsLeft: (instance: Instance, error: unknown) => void;
}

export interface InstanceParts extends InstanceRequest {
  readonly kind: WorkspaceKind;
  /** Secret. */
  readonly ownerToken: string;
}

type LifeActor = Actor<typeof lifeMachine>;

/** One instance, running or remembered. What it shows of itself is on disk. */
export class Instance {
  readonly parts: InstanceParts;
  readonly #options: InstanceOptions;
  readonly #order = new InOrder();
  readonly #watchers = new Set<() => void>();
  #record: InstanceRecord | undefined;
  #actor: LifeActor | undefined;
  /** Asked for, and not on disk yet: an actor that comes back hears it again. */
  #wantedStop: StopRequest | undefined;
  #isRefused = false;

  constructor(options: InstanceOptions, parts: InstanceParts, record: InstanceRecord | undefined) {
    this.#options = options;
    this.parts = parts;
    this.#record = record;
  }

  /** The newest record on disk; undefined while the first one is being written. */
  get record(): InstanceRecord | undefined {
    return this.#record;
  }

  get isStopped(): boolean {
    return this.#record !== undefined && this.#record.life.disposal !== 'none';
  }

  /** One run of its actor, from the newest record. */
  run(child: ChildContext): StartedChild {
    const machine = livingMachine(this.#options.tools, this.parts, this.#order, (context) =>
      this.#write(context, child),
    );
    const actor = createActor(machine, { input: this.#input() });
    const exit = this.#exitOf(actor);
    child.onKill(() => {
      actor.stop();
      return [];
    });
    this.#actor = actor;
    actor.start();
    if (this.#wantedStop !== undefined) this.#sendStop(this.#wantedStop);
    return {
      exit,
      stop: async () => {
        actor.stop();
        await this.#order.idle();
      },
    };
  }

  /** Resolves when the request is on disk; fails with `record-not-written` when it never will be. */
  accepted(signal: AbortSignal): Promise<void> {
    return this.#until(() => {
      if (this.#isRefused) throw new StewardError('record-not-written', 'the request could not be saved');
      return this.#record !== undefined;
    }, signal);
  }

  /** Resolves when the stop request is on disk, or there is nothing left to stop. */
  stop(request: StopRequest, signal: AbortSignal): Promise<void> {
    const killAt = this.#options.tools.world.clock.now() + request.graceMs;
    this.#wantedStop = {
      graceMs: Math.min(request.graceMs, this.#wantedStop?.graceMs ?? request.graceMs),
      aborted: request.aborted || this.#wantedStop?.aborted === true,
    };
    this.#sendStop(request);
    return this.#until(() => this.isStopped || this.#isRefused || this.#covers(request, killAt), signal);
  }

  #covers(request: StopRequest, killAt: number): boolean {
    const life = this.#record?.life;
    if (life?.stop === undefined || life.killAt === undefined) return false;
    return life.killAt <= killAt && (life.stop.aborted || !request.aborted);
  }

  #sendStop(request: StopRequest): void {
    this.#actor?.send({ type: 'STOP', at: this.#options.tools.world.clock.now(), request });
  }

  #input(): LifeInput {
    const { limits, tools } = this.#options;
    const at = tools.world.clock.now();
    if (this.#record !== undefined) return { from: 'record', record: this.#record.life, limits, at };
    return { from: 'request', identity: this.parts.identity, kind: this.parts.kind, limits, at };
  }

  #exitOf(actor: LifeActor): Promise<Exit> {
    let step = '';
    return new Promise((resolve) => {
      actor.subscribe({
        next: (snapshot) => {
          const from = step;
          step = stepOf(snapshot.value);
          if (step !== from) this.#options.onMoved(this, { from, to: step, context: snapshot.context });
        },
        error: (error) => resolve(this.#ended(actor, abnormal(error))),
        complete: () => resolve(this.#ended(actor, this.#outcome(actor.getSnapshot()))),
      });
    });
  }

  #ended(actor: LifeActor, exit: Exit): Exit {
    if (this.#actor === actor) this.#actor = undefined;
    this.#changed();
    return exit;
  }

  #outcome({ value, context }: SnapshotFrom<typeof lifeMachine>): Exit {
    if (value === 'stopped') return NORMAL;
    if (value !== 'refused') return abnormal(new Error(`it could not go on from ${context.waitingFor}`));
    this.#isRefused = true;
    return NORMAL;
  }

  /** A late write of an earlier run is thrown away. */
  async #write(context: LifeContext, child: ChildContext): Promise<void> {
    const { store, nextVersion, onRecorded } = this.#options;
    const { identity, encoded, fingerprint, hasSecrets, url } = this.parts;
    const version = await nextVersion(child.signal);
    if (!child.isCurrent()) throw new StewardError('stale-generation', 'a newer run has taken over');
    const life = toRecord(context);
    const record: InstanceRecord = { version, request: encoded, fingerprint, hasSecrets, url, life };
    await store.write(identity.instance, record);
    this.#record = record;
    onRecorded(this);
    this.#changed();
    if (hasSecrets && (context.command.state !== 'none' || isEnding(context))) await this.#dropSecrets();
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

  #until(check: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        this.#watchers.delete(look);
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const look = () => {
        try {
          if (check()) settle(resolve);
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const onAbort = () => settle(() => reject(signal.reason));
      this.#watchers.add(look);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else look();
    });
  }
}
