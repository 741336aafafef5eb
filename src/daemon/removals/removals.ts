import { join } from 'node:path';
import { sleep, type Timer } from '../../gateways/clock.js';
import { makeDurableDirectory } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';
import {
  REMOVAL_FREE_SHARE_MIN,
  REMOVAL_HOLD_MS,
  REMOVAL_LOOK_MS,
  REMOVAL_RETRY_MS,
  REMOVALS_CLOSE_MS,
  REMOVALS_WAITING_MAX,
} from './bounds.js';

export interface RemovalsOptions {
  readonly world: Pick<World, 'files' | 'clock' | 'random'>;
  /** For what is to be removed and nothing else; on the file system of the content. */
  readonly folder: string;
  /** Whether the node has content to save, which goes first. */
  readonly isBusy: () => boolean;
  /** With less than that nothing waits, however large the disk is. */
  readonly minFreeBytes: number;
  /** It stays where it is and is tried again. */
  readonly onFailed: (path: string, error: unknown) => void;
}

interface Waiting {
  readonly path: string;
  /** On the monotonic clock. */
  readonly since: number;
}

/** What there is to remove. */
export interface RemovalsState {
  /** Trees that are taken one after the other. */
  readonly waiting: number;
  /** Those that could not be removed and are tried again and again. */
  readonly failing: number;
  /** For how long this daemon has failed to remove the first of them; 0 when there is none. */
  readonly oldestFailingMs: number;
  /** Why the first of them stays; undefined when there is none. */
  readonly problem: string | undefined;
}

interface Failing {
  /** On the monotonic clock. */
  readonly since: number;
  readonly why: string;
}

/**
 * Content that is safe in the storage, or given up: one rename takes it out of its place, and its files go one tree
 * after the other when nobody waits for a backup, since on some disks removing costs more than saving. What a killed
 * daemon left here is found by the next.
 */
export class Removals {
  readonly #options: RemovalsOptions;
  readonly #waiting: Waiting[] = [];
  readonly #retries = new Set<Timer>();
  /** By path, the first to fail first. */
  readonly #failing = new Map<string, Failing>();
  readonly #closing = new AbortController();
  #isWorking = false;
  /** Never rejects. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { world, folder } = this.#options;
    await makeDurableDirectory(world.files, folder, 0o700);
    for (const { name } of await world.files.list(folder)) this.#later(join(folder, name));
  }

  /** The tree is not in its place any more, which is durable when the caller has synced the folder it was in. */
  async take(path: string, name: string): Promise<void> {
    const { world, folder } = this.#options;
    if (this.#waiting.length >= REMOVALS_WAITING_MAX) return world.files.remove(path);
    const to = join(folder, `${name}.${world.random.uuid()}`);
    try {
      await world.files.moveAway(path, to);
    } catch {
      // On another file system after all, or with something mounted in it: then this says so.
      return world.files.remove(path);
    }
    this.#later(to);
  }

  get state(): RemovalsState {
    const [first] = this.#failing;
    const [path, { since, why }] = first ?? ['', { since: 0, why: '' }];
    return {
      waiting: this.#waiting.length,
      failing: this.#failing.size,
      oldestFailingMs: first === undefined ? 0 : this.#options.world.clock.monotonic() - since,
      problem: first === undefined ? undefined : `${path}: ${why}`,
    };
  }

  /** Removes what is there, as far as there is time for it. */
  async close(): Promise<void> {
    for (const retry of this.#retries) retry.cancel();
    this.#closing.abort();
    const late = new AbortController();
    const overdue = sleep(this.#options.world.clock, REMOVALS_CLOSE_MS, late.signal).catch(() => undefined);
    await Promise.race([this.#work, overdue]);
    this.#waiting.length = 0;
    late.abort();
  }

  #later(path: string): void {
    this.#waiting.push({ path, since: this.#options.world.clock.monotonic() });
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#removeAll();
  }

  async #removeAll(): Promise<void> {
    const { files } = this.#options.world;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      while (await this.#isHeld(next)) await this.#pause();
      await files.remove(next.path).then(
        () => this.#failing.delete(next.path),
        (error: unknown) => this.#failed(next.path, error),
      );
      this.#waiting.shift();
    }
    this.#isWorking = false;
  }

  async #isHeld({ since }: Waiting): Promise<boolean> {
    const { world, folder, isBusy, minFreeBytes } = this.#options;
    if (this.#closing.signal.aborted || !isBusy()) return false;
    if (world.clock.monotonic() - since >= REMOVAL_HOLD_MS) return false;
    const space = await world.files.space(folder).catch(() => undefined);
    if (space === undefined) return false;
    return space.freeBytes >= Math.max(minFreeBytes, space.totalBytes * REMOVAL_FREE_SHARE_MIN);
  }

  #pause(): Promise<void> {
    return sleep(this.#options.world.clock, REMOVAL_LOOK_MS, this.#closing.signal).catch(() => undefined);
  }

  #failed(path: string, error: unknown): void {
    const { world, onFailed } = this.#options;
    onFailed(path, error);
    const why = error instanceof Error ? error.message : String(error);
    const since = this.#failing.get(path)?.since ?? world.clock.monotonic();
    this.#failing.set(path, { since, why });
    if (this.#closing.signal.aborted) return;
    const retry = world.clock.schedule(world.clock.now() + REMOVAL_RETRY_MS, () => {
      this.#retries.delete(retry);
      this.#later(path);
    });
    this.#retries.add(retry);
  }
}
