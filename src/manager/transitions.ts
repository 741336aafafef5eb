import type { InstanceId } from '../../machines/ids.js';
import type { LifeContext } from '../../machines/instance-life-types.js';
import type { Transition } from '../../machines/transition.js';
import { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import type { AlarmListener } from '../records/alarm.js';
import { Journal } from '../records/journal.js';
import { Publisher } from '../records/publisher.js';
import type { Instance, Moved } from './instance/instance.js';

/** Under this name the manager's own transitions are told; those of its daemons under the names of their nodes. */
export const MANAGER_NODE = 'manager';

/** The actor of an instance's life. */
const ACTOR = 'instance';

const NEVER_WRITTEN = new StewardError('record-not-written', 'the record of this step was never written');

/** Where an instance's actor is now. */
export interface Latest {
  readonly step: string;
  readonly cause: string;
  readonly atMs: number;
  readonly context: LifeContext;
}

export interface TransitionsOptions {
  readonly world: Pick<World, 'clock' | 'files'>;
  readonly folder: string;
  readonly onAlarm: AlarmListener;
}

/** The manager's part of the one stream: the steps of the instances' actors, and what people decided about them. */
export class Transitions {
  readonly journal: Journal<Transition>;
  readonly publisher: Publisher;
  readonly #options: TransitionsOptions;
  readonly #latest = new WeakMap<Instance, Latest>();
  /** The newest step of each that is on disk. */
  readonly #kept = new WeakMap<Instance, string>();
  readonly #sequences = new Map<InstanceId, number>();

  private constructor(options: TransitionsOptions, journal: Journal<Transition>) {
    this.#options = options;
    this.journal = journal;
    this.publisher = new Publisher(options.world.clock, journal, options.onAlarm);
    this.publisher.onTransition(({ instance, actor, sequence }) => {
      if (actor === ACTOR) this.#sequences.set(instance, sequence);
    });
  }

  static async open(options: TransitionsOptions): Promise<Transitions> {
    const { world, folder, onAlarm } = options;
    return new Transitions(options, await Journal.open<Transition>(world.files, { folder, onAlarm }));
  }

  /** Never throws: what cannot be taken is a line of history, never a state. */
  moved(instance: Instance, { from, to, cause, isDurable, context }: Moved): void {
    const { clock } = this.#options.world;
    const at = clock.now();
    const { instance: id } = instance.parts.identity;
    this.#latest.set(instance, { step: to, cause, atMs: at, context });
    const detail = context.message || context.failure || context.timedOut;
    const told = detail === '' ? {} : { detail };
    // What an earlier run, or this one, could not write has not happened.
    const isUnwritten = from === 'none' || to === 'failed' || to === 'refused';
    if (isUnwritten) this.publisher.discard(id, NEVER_WRITTEN);
    const before = isUnwritten && from !== 'none' ? (this.#kept.get(instance) ?? 'none') : from;
    if (from === 'none') this.#kept.delete(instance);
    if (isDurable) this.#kept.set(instance, to);
    try {
      const ticket = this.publisher.publish(
        { at, instance: id, actor: ACTOR, from: before, to, cause, ...told },
        { durable: isDurable },
      );
      if (isDurable) this.publisher.release(id, ticket);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.onAlarm({ kind: 'history-gap', from: 0, to: 0, reason });
    }
  }

  /** What a person decided, for the history. */
  decided(instance: InstanceId, decision: string, reason: string): void {
    const at = this.#options.world.clock.now();
    this.publisher.publish(
      { at, instance, actor: 'person', from: 'asked', to: decision, cause: 'Recover', detail: reason },
      { durable: true },
    );
  }

  /** undefined for one that has not moved since the manager began. */
  latest(instance: Instance): Latest | undefined {
    return this.#latest.get(instance);
  }

  /** Of the newest transition that was told; 0 before the first. */
  sequence(instance: InstanceId): number {
    return this.#sequences.get(instance) ?? 0;
  }

  /** The instance is not remembered any more; its history is. */
  forget(instance: InstanceId): void {
    this.#sequences.delete(instance);
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
