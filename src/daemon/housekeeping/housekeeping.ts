import { join } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import type { DirectoryEntry } from '../../gateways/files.js';
import type { World } from '../../gateways/world.js';
import type { WorkingArea } from '../area.js';
import { instanceNamed, type Owners, ownersOf } from './owners.js';
import { Quarantine, type Quarantined } from './quarantine.js';

export interface HousekeepingSettings {
  /** Younger things may belong to something that is just beginning. */
  readonly minAgeMs: number;
  /** How long things stay in the quarantine. */
  readonly keepMs: number;
  /** With less than that, the quarantine is given up, oldest first. */
  readonly minFreeBytes: number;
}

export interface HousekeepingListener {
  quarantined(path: string, why: string): void;
  /** `expired`: its time was over; `disk-full`: the disk needed the room. */
  removed(name: string, why: 'expired' | 'disk-full'): void;
  /** Something that only this daemon needs and that nobody owns is gone. */
  cleaned(path: string): void;
  /** The rest of the round goes on. */
  failed(path: string, error: unknown): void;
  /** What is in the quarantine after a round. */
  inQuarantine(entries: readonly Quarantined[]): void;
}

export interface HousekeepingOptions {
  readonly world: Pick<World, 'files' | 'clock' | 'random'>;
  readonly area: WorkingArea;
  readonly settings: HousekeepingSettings;
  /** Whether an instance of that id is known here, parked or between two lives included. */
  readonly hasActor: (instance: InstanceId) => boolean;
  /** Until the answer is called no instance of that id begins; undefined when there is one. */
  readonly keepOut: (instance: InstanceId) => (() => void) | undefined;
  /** Moves content that is more than a folder; false when it is just that. */
  readonly abandon?: (
    instance: InstanceId,
    folder: string,
    to: string,
    signal: AbortSignal,
  ) => Promise<boolean>;
  readonly listener: HousekeepingListener;
}

const NO_OWNER = 'no record and no actor of an instance of this name was there';

/**
 * Compares what is on the disk with what records and actors own. Content that nobody owns is put into the
 * quarantine and removed from there later; caches and credentials that nobody owns just go. What a record owns,
 * readable or not, is never touched. Every step may be interrupted and done again.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #quarantine: Quarantine;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#quarantine = new Quarantine(options.world, options.area.quarantine);
  }

  /** At start, before anything is restored for a look: what an earlier life left there serves nobody. */
  async open(): Promise<void> {
    const { world, area } = this.#options;
    await this.#quarantine.open();
    await world.files.makeDirectory(area.scratch, 0o711);
    for (const { name } of await world.files.list(area.scratch)) {
      await this.#attempt(join(area.scratch, name), (path) => this.#clean(path));
    }
  }

  async round(signal: AbortSignal): Promise<void> {
    const { world, area, hasActor } = this.#options;
    const owners = await ownersOf(world.files, area, hasActor);
    await this.#contents(owners, signal);
    await this.#caches(area.chains, '', owners, signal);
    await this.#caches(area.secrets, '.json', owners, signal);
    await this.#temporaries(signal);
    await this.#giveUp(signal);
    this.#options.listener.inQuarantine(await this.#quarantine.list());
  }

  async #contents(owners: Owners, signal: AbortSignal): Promise<void> {
    const { workspaces } = this.#options.area;
    await this.#each(workspaces, signal, async (path, { name, kind }) => {
      const instance = kind === 'directory' ? instanceNamed(name) : undefined;
      if (instance === undefined || owners.owns(instance) || !(await this.#isOld(path))) return;
      await this.#undisturbed(instance, async () => {
        await this.#quarantine.put(path, instance, { from: path, why: NO_OWNER }, (to) =>
          this.#move(instance, path, to, signal),
        );
        this.#options.listener.quarantined(path, NO_OWNER);
      });
    });
  }

  async #move(instance: InstanceId, path: string, to: string, signal: AbortSignal): Promise<void> {
    const { abandon, world } = this.#options;
    if ((await abandon?.(instance, path, to, signal)) === true) return;
    await world.files.rename(path, to);
  }

  async #caches(folder: string, suffix: string, owners: Owners, signal: AbortSignal): Promise<void> {
    await this.#each(folder, signal, async (path, { name }) => {
      const instance = instanceNamed(name, suffix);
      if (instance === undefined || owners.owns(instance) || !(await this.#isOld(path))) return;
      await this.#undisturbed(instance, () => this.#clean(path));
    });
  }

  /**
   * The id may have been claimed while this round looked elsewhere; then nothing is done. And while something is done,
   * nobody claims it: what an Init has just made would go in place of what lay there.
   */
  async #undisturbed(instance: InstanceId, work: () => Promise<void>): Promise<void> {
    const done = this.#options.keepOut(instance);
    if (done === undefined) return;
    try {
      await work();
    } finally {
      done();
    }
  }

  /** Of interrupted writes beside the folders; those in them are their stores'. */
  async #temporaries(signal: AbortSignal): Promise<void> {
    await this.#each(this.#options.area.root, signal, async (path, { name }) => {
      if (name.endsWith('.tmp') && (await this.#isOld(path))) await this.#clean(path);
    });
  }

  /** Oldest first: what is too old, and more when the disk needs the room. */
  async #giveUp(signal: AbortSignal): Promise<void> {
    const { world, settings, listener } = this.#options;
    for (const entry of await this.#quarantine.list()) {
      if (signal.aborted) return;
      const ageMs = world.clock.now() - entry.since;
      const isExpired = ageMs >= settings.keepMs;
      const isLeftOver = !isExpired && ageMs >= settings.minAgeMs && (await this.#quarantine.isEmpty(entry));
      if (!isExpired && !isLeftOver && !(await this.#isDiskFull())) continue;
      await this.#attempt(entry.name, async () => {
        await this.#quarantine.remove(entry);
        if (!isLeftOver) listener.removed(entry.name, isExpired ? 'expired' : 'disk-full');
      });
    }
  }

  async #isDiskFull(): Promise<boolean> {
    const { world, area, settings } = this.#options;
    return (await world.files.space(area.quarantine)).freeBytes < settings.minFreeBytes;
  }

  async #isOld(path: string): Promise<boolean> {
    const { world, settings } = this.#options;
    const found = await world.files.stat(path);
    if (found === undefined) return false;
    // A time far ahead was set by somebody, or by a clock that was wrong: it must not protect for ever.
    return Math.abs(world.clock.now() - found.modifiedMs) >= settings.minAgeMs;
  }

  async #clean(path: string): Promise<void> {
    await this.#options.world.files.remove(path);
    this.#options.listener.cleaned(path);
  }

  async #each(
    folder: string,
    signal: AbortSignal,
    work: (path: string, entry: DirectoryEntry) => Promise<void>,
  ): Promise<void> {
    const { files } = this.#options.world;
    if ((await files.stat(folder)) === undefined) return;
    for (const entry of await files.list(folder)) {
      if (signal.aborted) return;
      await this.#attempt(join(folder, entry.name), (path) => work(path, entry));
    }
  }

  async #attempt(path: string, work: (path: string) => Promise<void>): Promise<void> {
    try {
      await work(path);
    } catch (error) {
      this.#options.listener.failed(path, error);
    }
  }
}
