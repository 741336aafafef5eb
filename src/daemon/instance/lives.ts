import type { contentMachine } from '../../../machines/content-state.js';
import type { ContentLimits, Failure, Identity } from '../../../machines/content-types.js';
import type { InstanceId } from '../../../machines/ids.js';
import type { ContentRecord } from '../../../machines/record.js';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import { type Exit, NORMAL } from '../../supervision/exit.js';
import type { ChildContext, ChildSpec, StartedChild } from '../../supervision/spec.js';
import type { Supervisor } from '../../supervision/supervisor.js';
import { EFFECTS_END_MS, STOP_GRACE_MS } from '../bounds.js';
import type { Moved } from './follower.js';
import { Instance } from './instance.js';
import { parkedByHand } from './parked.js';

export interface LivesOptions {
  readonly clock: Clock;
  readonly machine: typeof contentMachine;
  readonly limits: ContentLimits;
  readonly records: {
    read(instance: InstanceId): ContentRecord | undefined;
    /** Resolves when no write of this instance's record is under way. */
    settled(instance: InstanceId): Promise<void>;
  };
  /** The dynamic supervisor that owns the actors; each instance has its own budget and is parked alone. */
  readonly supervisor: () => Supervisor;
  readonly onMoved: (instance: InstanceId, moved: Moved) => void;
  /** An instance has ended for good: its content is gone, or its set-up never had a record. */
  readonly onOver: (identity: Identity, how: 'gone' | 'refused') => Promise<void>;
}

/** Why an instance has no living actor, as its supervisor knows it. */
export interface Failing {
  /** Its restarts are used up; else it will be started again by itself. */
  readonly isParked: boolean;
  readonly reason: string;
}

/** The actors of all instances: each is started from its record, supervised, and ends for good or comes back. */
export class Lives {
  readonly #options: LivesOptions;
  readonly #live = new Map<InstanceId, Instance>();

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  find(instance: InstanceId): Instance | undefined {
    return this.#live.get(instance);
  }

  all(): IterableIterator<Instance> {
    return this.#live.values();
  }

  forget(instance: InstanceId): void {
    this.#live.delete(instance);
  }

  /** Looks at all children, so ask once for many. */
  failing(): ReadonlyMap<InstanceId | string, Failing> {
    const children = this.#options.supervisor().whichChildren();
    const absent = children.filter(({ state }) => state === 'parked' || state === 'waiting');
    return new Map(
      absent.map(({ name, state, lastError }) => [
        name,
        { isParked: state === 'parked', reason: lastError ?? 'it failed without a reason' },
      ]),
    );
  }

  /** From its record when there is one, else from nothing; rejects with why it could not be started. */
  async start(identity: Identity): Promise<void> {
    const result = await this.#options.supervisor().startChild(this.#childSpec(identity));
    if (result.result === 'started') return;
    const why = result.result === 'failed' ? toStewardError(result.error, 'unavailable') : undefined;
    throw why ?? new StewardError('unavailable', `instance ${identity.instance} could not be started`);
  }

  /** Another life for one whose restarts are used up, with a fresh budget. */
  async retry(instance: InstanceId): Promise<void> {
    await this.#options.supervisor().retryChild(instance);
  }

  /** Ends the life, and resolves when its effects have ended or were given up. Its record is what is left of it. */
  async end(instance: InstanceId): Promise<void> {
    await this.#options.supervisor().terminateChild(instance);
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

  #run(identity: Identity, context: ChildContext): StartedChild {
    const { machine, clock, limits, records } = this.#options;
    const record = records.read(identity.instance);
    const live = new Instance({
      machine,
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
    const { instance } = live.identity;
    const parked = this.#options.records.read(instance)?.parked;
    live.halt(parked === undefined ? undefined : parkedByHand(instance, parked));
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
        case 'gone':
          await this.#options.onOver(identity, view.step);
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

function textOf(failure: Failure | undefined): string {
  return failure === undefined ? 'it failed without a reason' : `${failure.code}: ${failure.message}`;
}
