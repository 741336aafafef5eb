import type { RowPhase } from '../../../machines/phase-relation.js';
import type { SeededRandom } from '../../../src/gateways/simulated/random.js';
import { DescribeClusterResponse, type WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { asPrebuild, LIFE } from '../../bridge/support/row-truth.js';
import { statusOf } from '../../bridge/support/statuses.js';
import type { StatusSubscription } from './subscription.js';

/** What it said that it may say once more. */
const HISTORY_MAX = 40;
/** Below it versions are those of a manager that has counted anew. */
export const FIRST_VERSION = 1_000n;
/** Where a life may end without what lies between: a start that fails. */
const SHORT_CUT = 0.1;

/** An instance as its manager has it; how far its life has come. */
interface Instance {
  readonly id: string;
  readonly isPrebuild: boolean;
  step: number;
}

/** A manager of one cluster: what it knows is the truth about its instances. */
export class SimulatedManager {
  readonly name: string;
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly subscriptions = new Set<StatusSubscription>();
  readonly history: WorkspaceStatus[] = [];
  isUp = true;
  /** It accepts, and never answers. */
  isHanging = false;
  /** What its lists show instead of the truth, for a while. */
  stale: readonly WorkspaceStatus[] | undefined;
  classes = 0;
  readonly #random: SeededRandom;
  readonly #instances = new Map<string, Instance>();
  #version: bigint;

  constructor(name: string, firstVersion: bigint, random: SeededRandom) {
    this.name = name;
    this.#version = firstVersion;
    this.#random = random;
  }

  get alive(): readonly string[] {
    return [...this.#instances.keys()];
  }

  listed(): readonly WorkspaceStatus[] {
    return this.stale ?? [...this.truth.values()];
  }

  described(): DescribeClusterResponse {
    return DescribeClusterResponse.fromPartial({
      workspaceClasses: [{ id: `class-${this.classes}`, displayName: 'Class', creditsPerMinute: 0.5 }],
      preferredWorkspaceClass: `class-${this.classes}`,
    });
  }

  start(id: string, isPrebuild: boolean): void {
    const instance = { id, isPrebuild, step: 0 };
    this.#instances.set(id, instance);
    this.#say(instance, LIFE[0] ?? 'pending');
  }

  /** One step further in its life; what has stopped is forgotten some time later. */
  advance(id: string): void {
    const instance = this.#instances.get(id);
    if (instance === undefined) return;
    if (instance.step >= LIFE.length - 1) {
      this.forget(id);
      return;
    }
    const isCut = instance.step < LIFE.length - 2 && this.#random.isHit(SHORT_CUT);
    instance.step = isCut ? LIFE.length - 2 : instance.step + 1;
    this.#say(instance, LIFE[instance.step] ?? 'stopped');
  }

  advanceAll(): void {
    for (const id of this.alive) this.advance(id);
  }

  /** The same phase again, with something else that has changed. */
  chatter(id: string): void {
    const instance = this.#instances.get(id);
    if (instance !== undefined) this.#say(instance, LIFE[instance.step] ?? 'stopped');
  }

  /** It does not know it any more, and tells nobody. */
  forget(id: string): void {
    this.#instances.delete(id);
    this.truth.delete(id);
  }

  /** All its memory is gone, and it counts anew. */
  reset(): void {
    for (const id of this.alive) this.forget(id);
    this.history.length = 0;
    this.stale = undefined;
    this.#version = 1n;
    this.cut();
  }

  /** It was built anew from what runs: it knows all of it, and its versions begin again. */
  countAnew(): void {
    // A version that means something else a second time nobody could tell.
    if (this.#version < FIRST_VERSION) return;
    this.cut();
    this.history.length = 0;
    this.stale = undefined;
    this.#version = 1n;
    for (const [id, status] of this.truth) {
      this.#version += 1n;
      this.truth.set(id, { ...status, statusVersion: this.#version, message: `anew v${this.#version}` });
    }
  }

  /** Every stream to it ends. */
  cut(): void {
    for (const subscription of [...this.subscriptions]) subscription.cut();
  }

  /** What is subscribed now hears nothing more, and is not told. */
  deafen(): void {
    for (const subscription of this.subscriptions) subscription.isDeaf = true;
  }

  /** It says once more what it has said. */
  rewind(): void {
    for (const status of this.history) this.#tell(status);
  }

  heal(): void {
    this.isUp = true;
    this.isHanging = false;
    this.stale = undefined;
  }

  #tell(status: WorkspaceStatus): void {
    for (const subscription of [...this.subscriptions]) subscription.tell(status);
  }

  #say(instance: Instance, phase: RowPhase): void {
    const { id } = instance;
    this.#version += BigInt(this.#random.integer(1, 3));
    const version = this.#version;
    const plain = statusOf({
      ...{ id, version, phase, message: `v${version}`, ownerToken: 'token' },
      deployed: instance.step > 0,
    });
    const status = instance.isPrebuild ? asPrebuild(plain) : plain;
    this.truth.set(id, status);
    this.history.push(status);
    if (this.history.length > HISTORY_MAX) this.history.shift();
    this.#tell(status);
  }
}
