import { dirname, join } from 'node:path';
import { makeDurableDirectory } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';

/** What was put away: nothing of it is looked at again until it goes. */
export interface Quarantined {
  /** Of its folder in the quarantine. */
  readonly name: string;
  readonly since: number;
}

export interface QuarantineNote {
  /** Where it was. */
  readonly from: string;
  /** Why nobody seemed to own it, in words. */
  readonly why: string;
}

const NOTE = 'note.json';
const CONTENT = 'content';

/**
 * Where things go that nobody owns, before they are removed: one folder for each, with the thing itself as
 * `content` and a note. It is on the same file system, so that putting something away is one rename.
 */
export class Quarantine {
  readonly #world: Pick<World, 'files' | 'clock' | 'random'>;
  readonly #folder: string;

  constructor(world: Pick<World, 'files' | 'clock' | 'random'>, folder: string) {
    this.#world = world;
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await makeDurableDirectory(this.#world.files, this.#folder, 0o700);
  }

  /**
   * The note is on disk before the thing moves, and a crash in between leaves a note without a thing. `move` is
   * how it gets there, if not by a rename.
   */
  async put(
    path: string,
    name: string,
    note: QuarantineNote,
    move?: (to: string) => Promise<void>,
  ): Promise<void> {
    const { files, clock, random } = this.#world;
    const at = clock.now();
    const entry = join(this.#folder, `${name}.${at}.${random.uuid().slice(0, 8)}`);
    await files.makeDirectory(entry, 0o700);
    const text = JSON.stringify({ ...note, at: new Date(at).toISOString() }, undefined, 2);
    await files.write(join(entry, NOTE), `${text}\n`, { mode: 0o600, exclusive: true, sync: true });
    await files.syncDirectory(entry);
    await files.syncDirectory(this.#folder);
    const to = join(entry, CONTENT);
    await (move?.(to) ?? files.rename(path, to));
    await files.syncDirectory(entry);
    await files.syncDirectory(dirname(path));
  }

  /** Oldest first. */
  async list(): Promise<readonly Quarantined[]> {
    const found = await this.#world.files.list(this.#folder);
    const entries = found.flatMap(({ name }): Quarantined[] => {
      const [, since] = /\.(\d+)\.[0-9a-f]{8}$/.exec(name) ?? [];
      return since === undefined ? [] : [{ name, since: Number(since) }];
    });
    return entries.sort((one, other) => one.since - other.since);
  }

  /** For good. */
  async remove({ name }: Quarantined): Promise<void> {
    await this.#world.files.remove(join(this.#folder, name));
    await this.#world.files.syncDirectory(this.#folder);
  }

  /** Whether there is only a note: putting it away was interrupted before it moved. */
  async isEmpty({ name }: Quarantined): Promise<boolean> {
    return (await this.#world.files.stat(join(this.#folder, name, CONTENT))) === undefined;
  }
}
