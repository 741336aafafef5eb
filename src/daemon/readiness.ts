import { StewardError } from '../errors/steward-error.js';
import { sleep, type Timer } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import type { ReadinessCondition } from '../gen/steward/v1/system.js';
import type { ObjectStorage } from '../storage/object-storage.js';
import { READINESS_DEADLINE_MS, READINESS_PERIOD_MS } from './bounds.js';
import type { DiskGuard } from './disk-guard.js';

/** Whether the daemon can do its work: the storage answers, the disk has room. Looked at now and then. */
export class Readiness {
  readonly #world: Pick<World, 'clock'>;
  readonly #storage: ObjectStorage;
  readonly #disk: DiskGuard;
  readonly #known = new Map<string, ReadinessCondition>();
  readonly #notes = new Map<string, () => string>();
  #timer: Timer | undefined;
  #look: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(world: Pick<World, 'clock'>, storage: ObjectStorage, disk: DiskGuard) {
    this.#world = world;
    this.#storage = storage;
    this.#disk = disk;
  }

  /** Something people who ask should see, and that keeps the daemon from no work; empty while there is nothing. */
  note(name: string, text: () => string): void {
    this.#notes.set(name, text);
  }

  /** Looks at once and then every period; `onReady` gets each answer. */
  watch(onReady: (isReady: boolean) => void): void {
    const look = async () => {
      const conditions = await this.conditions();
      if (this.#isStopped) return;
      onReady(conditions.every(({ ready }) => ready));
      this.#timer = this.#world.clock.schedule(this.#world.clock.now() + READINESS_PERIOD_MS, () => {
        this.#look = look();
      });
    };
    this.#look = look();
  }

  /** Resolves when no look is under way and none will follow. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#look;
  }

  async conditions(): Promise<readonly ReadinessCondition[]> {
    const looked = await Promise.all([
      this.#condition('storage', (signal) => this.#storage.check(signal)),
      this.#condition('disk', () => this.#checkDisk()),
    ]);
    return [...looked, ...[...this.#notes].map(([name, text]) => this.#noted(name, text()))];
  }

  /** Holds as ever; since when it says something, or nothing. */
  #noted(name: string, message: string): ReadinessCondition {
    const before = this.#known.get(name);
    const isAsBefore = (before?.message === '') === (message === '');
    const now = BigInt(this.#world.clock.now());
    const sinceMs = before !== undefined && isAsBefore ? before.sinceMs : now;
    const condition: ReadinessCondition = { name, ready: true, message, sinceMs };
    this.#known.set(name, condition);
    return condition;
  }

  async #checkDisk(): Promise<void> {
    await this.#disk.look();
    if (this.#disk.problem !== undefined) throw this.#disk.problem;
  }

  async #condition(name: string, check: (signal: AbortSignal) => Promise<void>): Promise<ReadinessCondition> {
    const message = await this.#problemOf(check);
    const before = this.#known.get(name);
    const ready = message === '';
    const sinceMs = before?.ready === ready ? before.sinceMs : BigInt(this.#world.clock.now());
    const condition: ReadinessCondition = { name, ready, message, sinceMs };
    this.#known.set(name, condition);
    return condition;
  }

  /** Why a check fails, in words; empty when it does not. One that does not listen to its signal is not waited for. */
  async #problemOf(check: (signal: AbortSignal) => Promise<void>): Promise<string> {
    const { clock } = this.#world;
    const deadline = new AbortController();
    const overdue = sleep(clock, READINESS_DEADLINE_MS, deadline.signal).then(() => {
      throw new StewardError('deadline-exceeded', 'no answer in time');
    });
    try {
      await Promise.race([check(deadline.signal), overdue]);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      overdue.catch(() => undefined);
      deadline.abort();
    }
  }
}
